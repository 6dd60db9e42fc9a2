//! The engine on the software adapter: whole networks against the twins, batches, and a device that is lost.

#[path = "common/network.rs"]
mod network;

use std::collections::BTreeMap;
use std::sync::Arc;

use gyrus::error::Error;
use gyrus::gpu::{Player, WeightStore};
use gyrus::graph::interpret::interpret;
use gyrus::graph::network::{Dim, Network};
use gyrus::graph::{build, input_shapes};
use gyrus::onnx::OnnxFile;
use gyrus::ops::case::values;
use gyrus::plan::lowering::Choice;
use gyrus::session::compile;
use gyrus::{Device, Session, Shape, Tensor};
use network::{Builder, mixed};

/// A device of which nothing is remembered: what its user has tuned must not matter here.
fn open(device: &str) -> Device {
    gyrus::tuning::use_folder(std::env::temp_dir().join(format!("gyrus-test-cache-{}", std::process::id())));
    Device::open(device).expect("needs a software adapter: run scripts/test")
}

fn session(network: Network) -> Session {
    let device = open("software");
    let file = OnnxFile { network, bytes: vec![], external: BTreeMap::new() };
    Session::of_file(Arc::new(file), &device).unwrap()
}

fn expected(network: &Network, x: &Tensor) -> Vec<Tensor> {
    let given = BTreeMap::from([("x".to_string(), x.shape().clone())]);
    // Not fused: the passes are judged too.
    interpret(&build(network, &input_shapes(network, &given, 1).unwrap()).unwrap(), std::slice::from_ref(x))
        .unwrap()
}

fn assert_close(actual: &Tensor, expected: &Tensor) {
    assert_eq!(actual.shape(), expected.shape());
    let (actual, expected) = (actual.as_f32().unwrap(), expected.as_f32().unwrap());
    let largest = expected.iter().fold(0f32, |m, v| m.max(v.abs()));
    let worst = actual.iter().zip(expected).fold(0f32, |m, (a, e)| m.max((a - e).abs()));
    assert!(worst <= 1e-5 * largest, "error {worst:e} with values up to {largest}");
}

#[test]
fn a_fused_network_computes_what_its_nodes_do() {
    let mut session = session(mixed());
    for batch in [1, 2, 5] {
        let x = values(&[batch, 3, 14, 10], batch as u64);
        let outputs = session.run(BTreeMap::from([("x".to_string(), x.clone())])).unwrap();
        for ((_, actual), expected) in outputs.iter().zip(expected(&mixed(), &x)) {
            assert_close(actual, &expected);
        }
    }
}

#[test]
fn a_batch_of_any_size_is_answered_in_order() {
    let mut session = session(mixed());
    // Three of the largest size and some smaller ones: those of one size are under way two at a time.
    for batch in [7, 103] {
        let x = values(&[batch, 3, 14, 10], 3);
        let outputs = session.run_batch(&x).unwrap();
        for (actual, expected) in outputs.iter().zip(expected(&mixed(), &x)) {
            assert_close(actual, &expected);
        }
    }
}

#[test]
fn batches_before_one_that_fails_are_handed_over() {
    let device = open("software");
    let gpu = device.as_gpu().unwrap();
    let shapes = [Shape::new([1, 3, 14, 10]).unwrap()];
    let plan = compile(&mixed(), &shapes, gpu.target(), &Choice::default()).unwrap();
    let player = Player::new(gpu, plan, &mut WeightStore::default()).unwrap();
    let batches: Vec<Tensor> = (0..5).map(|seed| values(&[1, 3, 14, 10], seed)).collect();
    let wrong = values(&[1, 3, 14, 11], 1);
    // Again and again: what a failure leaves behind must not matter to the runs after it.
    for fails_at in [0, 1, 4, 5] {
        let given = batches.iter().enumerate().map(|(i, x)| if i == fails_at { &wrong } else { x });
        let mut taken = Vec::new();
        let given = given.map(|x| Ok(std::slice::from_ref(x).into()));
        let result = player.run_all(given, |outputs| {
            taken.push(outputs);
            Ok(())
        });
        assert_eq!(result.is_ok(), fails_at == 5, "{result:?}");
        assert_eq!(taken.len(), fails_at);
        for (outputs, x) in taken.iter().zip(&batches) {
            outputs.iter().zip(expected(&mixed(), x)).for_each(|(a, e)| assert_close(a, &e));
        }
    }
    // What cannot be taken ends the run, and a batch that nobody waited for is no obstacle to the next.
    let given = batches.iter().map(|x| Ok(std::slice::from_ref(x).into()));
    player.run_all(given, |_| Err(Error::Graph("enough".into()))).unwrap_err();
    assert_close(&player.run(&batches[..1]).unwrap()[0], &expected(&mixed(), &batches[0])[0]);
}

#[test]
fn a_lost_device_is_rebuilt_and_the_run_repeated() {
    let device = open("software");
    let file = OnnxFile { network: mixed(), bytes: vec![], external: BTreeMap::new() };
    let mut session = Session::of_file(Arc::new(file), &device).unwrap();
    let x = values(&[1, 3, 14, 10], 9);
    let inputs = BTreeMap::from([("x".to_string(), x.clone())]);
    session.run(inputs.clone()).unwrap();
    device.as_gpu().unwrap().destroy();
    let outputs = session.run(inputs).unwrap();
    assert_close(&outputs[0].1, &expected(&mixed(), &x)[0]);
    assert!(session.notices().iter().any(|n| n.contains("rebuilt")), "{:?}", session.notices());
}

#[test]
fn all_batches_are_answered_although_the_device_is_lost_between_them() {
    let device = open("software");
    let gpu = device.as_gpu().unwrap();
    let file = OnnxFile { network: mixed(), bytes: vec![], external: BTreeMap::new() };
    let mut session = Session::of_file(Arc::new(file), &device).unwrap();
    session.run_batch(&values(&[33, 3, 14, 10], 1)).unwrap();
    gpu.destroy();
    let x = values(&[97, 3, 14, 10], 2);
    let outputs = session.run_batch(&x).unwrap();
    assert_close(&outputs[0], &expected(&mixed(), &x)[0]);
    assert!(session.notices().iter().any(|n| n.contains("rebuilt")), "{:?}", session.notices());
}

#[test]
fn wrong_inputs_are_named() {
    let mut session = session(Builder::new(&[-1, 3, 8, 8]).conv("x", "a", 3, 4).finish(&["a"]));
    let run = |session: &mut Session, name: &str, shape: &[usize]| {
        session.run(BTreeMap::from([(name.to_string(), values(shape, 1))])).unwrap_err().to_string()
    };
    assert!(run(&mut session, "image", &[1, 3, 8, 8]).contains("'image'"));
    assert!(run(&mut session, "x", &[1, 3, 8, 9]).contains("axis 3 is 9, the network wants 8"));
    assert!(run(&mut session, "x", &[3, 8, 8]).contains("rank 3"));
}

/// Activations of 192 MiB, where llvmpipe binds 128: every operator of the network works on them in parts.
#[test]
fn activations_that_no_binding_holds_are_worked_on_in_parts() {
    let network = || {
        let b = Builder::new(&[-1, 4, 512, 512]).conv("x", "a", 4, 64).node("Sigmoid", &["a"], "s");
        let b = b.node("Mul", &["a", "s"], "m").node("MaxPool", &["m"], "p").ints("kernel_shape", &[4, 4]);
        b.ints("strides", &[4, 4]).finish(&["m", "p"])
    };
    let mut session = session(network());
    let x = values(&[3, 4, 512, 512], 1);
    let parts: Vec<_> =
        (0..3).map(|n| session.run(BTreeMap::from([("x".to_string(), sample(&x, n))])).unwrap()).collect();
    let whole = session.run(BTreeMap::from([("x".to_string(), x)])).unwrap();
    // One sample fits: what the three answer alone, which other tests hold against the twins, is the reference.
    for (output, (name, tensor)) in whole.iter().enumerate() {
        let joined: Vec<f32> = parts.iter().flat_map(|p| p[output].1.as_f32().unwrap().to_vec()).collect();
        assert!(tensor.as_f32().unwrap() == joined, "output {name} differs");
    }
}

fn sample(batch: &Tensor, n: usize) -> Tensor {
    let length: usize = batch.shape()[1..].iter().product();
    let data = batch.as_f32().unwrap()[n * length..(n + 1) * length].to_vec();
    Tensor::from_f32([&[1], &batch.shape()[1..]].concat(), data).unwrap()
}

/// The sizes of the input become a constant when a plan is made: another input's must not find the first one's.
#[test]
fn what_is_folded_from_the_shape_changes_with_it() {
    let b = Builder::new(&[-1, 3, 4]).node("Shape", &["x"], "s").node("Cast", &["s"], "c").int("to", 1);
    let b = b.node("ReduceProd", &["c"], "p").int("keepdims", 0).node("Relu", &["x"], "r");
    let mut session = session(b.node("Div", &["r", "p"], "y").finish(&["y"]));
    for batch in [1, 2] {
        let x = Tensor::from_f32([batch, 3, 4], vec![12.0; batch * 12]).unwrap();
        let outputs = session.run(BTreeMap::from([("x".to_string(), x)])).unwrap();
        assert_eq!(outputs[0].1.as_f32().unwrap()[0], 1.0 / batch as f32);
    }
}

#[test]
fn more_than_the_device_binds_is_an_error_of_the_run() {
    let mut session =
        session(Builder::new(&[-1, 64, 512, 512]).node("Transpose", &["x"], "t").finish(&["t"]));
    let x = values(&[3, 64, 512, 512], 1);
    let error = session.run(BTreeMap::from([("x".to_string(), x)])).unwrap_err().to_string();
    assert!(error.contains("192 MiB") && error.contains("node 't' (Transpose)"), "{error}");
}

#[test]
fn the_cpu_engine_takes_convolutions_without_strides() {
    // ONNX gives strides and dilations defaults; a network that leaves them out must not fall back to the twins.
    let file = gyrus::onnx::read("tests/fixtures/networks/deep.onnx".as_ref()).unwrap();
    let input = file.network.inputs[0].clone();
    let mut session = Session::of_file(Arc::new(file), &open("cpu")).unwrap();
    let dims = input.dims.unwrap();
    let sizes: Vec<usize> = dims.iter().map(|d| if let Dim::Fixed(size) = d { *size } else { 2 }).collect();
    session.run(BTreeMap::from([(input.name, values(&sizes, 5))])).unwrap();
    assert_eq!(session.notices(), [] as [String; 0]);
}

#[test]
fn samples_side_by_side_on_the_cpu_are_answered_in_order() {
    // Trained, so that rten runs it; the twins that take a network from it are asked below.
    let model = gyrus::Model::load("weights/alzheimer".as_ref()).unwrap();
    let device = open("cpu");
    let mut session = Session::new(&model, &device).unwrap();
    let x = values(&[11, 1, 208, 176], 4);
    let outputs = session.run_batch(&x).unwrap();
    for n in 0..11 {
        let alone = session.run(BTreeMap::from([("image".to_string(), sample(&x, n))])).unwrap();
        for (together, (_, alone)) in outputs.iter().zip(alone) {
            assert_close(&sample(together, n), &alone);
        }
    }
    assert_eq!(session.notices(), [] as [String; 0]);

    let file = OnnxFile { network: mixed(), bytes: vec![], external: BTreeMap::new() };
    let mut session = Session::of_file(Arc::new(file), &device).unwrap();
    let x = values(&[7, 3, 14, 10], 5);
    let outputs = session.run_batch(&x).unwrap();
    outputs.iter().zip(expected(&mixed(), &x)).for_each(|(actual, expected)| assert_close(actual, &expected));
    assert!(session.notices().iter().any(|n| n.contains("reference code")), "{:?}", session.notices());
}
