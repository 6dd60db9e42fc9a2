//! The gate at first use: no kernel answers on a device before it was held against its twin there.

#[path = "common/network.rs"]
mod network;
#[path = "common/sealed.rs"]
mod sealed;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gyrus::error::Error;
use gyrus::graph::network::Network;
use gyrus::onnx::OnnxFile;
use gyrus::ops::case::values;
use gyrus::plan::Precision;
use gyrus::tuning::{Cache, Dropped, Subject, Tunings, use_folder};
use gyrus::{Device, Session, Tensor};
use network::{Builder, mixed};
use sealed::{opened, sealed};

/// What strided convolutions take by default on a software adapter, and a text of it.
const KERNEL: &str = "conv_subgroup_texels_f32";
const TEXT: &str = "var row = octets * octet_rows + subgroup_lane % 8u;";
const BROKEN: &str = "var row = octets * octet_rows + (subgroup_lane + 1u) % 8u;";

/// One test at a time, with a cache folder that is the process's: what one keeps must not help another by chance.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    use_folder(std::env::temp_dir().join(format!("gyrus-gate-{}", std::process::id())));
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn software() -> Device {
    Device::open("software").expect("needs a software adapter: run scripts/test")
}

fn broken(from: &str, to: &str) -> Device {
    let device = software();
    device.as_gpu().expect("a software adapter is a GPU to wgpu").break_kernels(from, to);
    device
}

fn cache(device: &Device) -> Cache {
    Cache::of(device.as_gpu().expect("a GPU"))
}

fn session(network: &Network, device: &Device) -> Session {
    let file = OnnxFile { network: network.clone(), bytes: vec![], external: BTreeMap::new() };
    Session::of_file(Arc::new(file), device).expect("supported nodes")
}

fn strided() -> Network {
    Builder::new(&[-1, 16, 9, 9]).conv("x", "y", 16, 16).ints("strides", &[2, 2]).finish(&["y"])
}

fn inputs(shape: &[usize]) -> BTreeMap<String, Tensor> {
    BTreeMap::from([("x".to_string(), values(shape, 1))])
}

#[test]
fn what_was_verified_is_kept_and_not_done_again() {
    let _turn = alone();
    let (device, shape) = (software(), [3, 3, 14, 10]);
    let mut first = session(&mixed(), &device);
    let told = first.verified();
    assert_eq!(told.get(), None, "nothing has run");
    first.run(inputs(&shape)).expect("an answer");
    assert_eq!(told.get(), Some(true), "{:?}", first.notices());
    let (known, fault) = cache(&device).load();
    assert_eq!(fault, None);
    assert!(known.verified() >= 5, "{:?}", known.verified);
    let verdicts = || known.verified.values().flat_map(BTreeMap::values);
    assert!(verdicts().all(|v| v.outputs > 0 && v.worst <= 1.0), "{:?}", known.verified);
    assert!(verdicts().any(|v| v.worst > 0.0), "no kernel rounds at all");
    // Of a later session nothing is written anew, and a larger batch is of the same nodes.
    let mut second = session(&mixed(), &device);
    second.run(inputs(&[7, 3, 14, 10])).expect("an answer");
    assert_eq!(second.verified().get(), Some(true));
    assert_eq!(cache(&device).load().0.verified, known.verified);
}

#[test]
fn a_wrong_kernel_is_replaced_by_one_that_is_right() {
    let _turn = alone();
    let device = broken(TEXT, BROKEN);
    let mut wary = session(&strided(), &device);
    let answer = wary.run(inputs(&[2, 16, 9, 9])).expect("another kernel's answer");
    let sound = session(&strided(), &software()).run(inputs(&[2, 16, 9, 9])).expect("an answer");
    let worst = |a: &Tensor, b: &Tensor| {
        let (a, b) = (a.as_f32().expect("f32"), b.as_f32().expect("f32"));
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    assert!(worst(&answer[0].1, &sound[0].1) < 1e-4, "the answer is wrong");
    let notice = wary.notices().iter().find(|notice| notice.contains(KERNEL)).expect("a notice");
    assert!(
        notice.contains("computes wrong") && notice.contains("node 'y'") && notice.contains("expected"),
        "{notice}"
    );
    assert_eq!(wary.verified().get(), Some(true), "what answers was verified");
    assert!(cache(&device).load().0.dropped.contains_key(KERNEL));
    // The next session is told, and begins without it; a device that is not broken knows nothing of it.
    let next = session(&strided(), &device);
    assert!(next.notices().iter().any(|notice| notice.contains(KERNEL)), "{:?}", next.notices());
    assert!(cache(&software()).load().0.dropped.is_empty());
}

#[test]
fn a_network_without_a_kernel_that_is_right_is_refused_by_name() {
    let _turn = alone();
    // Of a softmax there is one kernel; of convolutions there are many, all of which add the bias here.
    let softmax = Builder::new(&[-1, 10]).node("Softmax", &["x"], "y").finish(&["y"]);
    let cases: [(&str, &str, Network, &[usize], &str); 2] = [
        (
            "exp(element(first, k) - best.x)",
            "exp(element(first, k) - best.x) + 0.01",
            softmax,
            &[2, 10],
            "softmax_",
        ),
        (
            "activate(FIRST, sum + c.bias, e.first)",
            "activate(FIRST, sum, e.first)",
            strided(),
            &[2, 16, 9, 9],
            "conv_",
        ),
    ];
    for (from, to, network, shape, kernel) in cases {
        let mut session = session(&network, &broken(from, to));
        match session.run(inputs(shape)) {
            Err(error @ Error::Wrong { .. }) => {
                let said = error.to_string();
                let parts = [kernel, "node 'y'", "expected", "within", "--device cpu"];
                assert!(parts.iter().all(|part| said.contains(part)), "{said}");
            }
            other => panic!("{kernel}: {other:?}"),
        }
        assert_ne!(session.verified().get(), Some(true));
    }
}

#[test]
fn the_later_parts_of_a_node_are_checked_too() {
    let _turn = alone();
    // By default in Winograd's way, whose tiles are computed in parts where there is little memory for what lies between.
    let network = Builder::new(&[-1, 128, 40, 40]).conv("x", "y", 128, 128).finish(&["y"]);
    let mut wary = session(&network, &broken("let tile = p.first_tile + number;", "let tile = number;"));
    let answer = wary.run(inputs(&[1, 128, 40, 40])).expect("another kernel's answer");
    let sound = session(&network, &software()).run(inputs(&[1, 128, 40, 40])).expect("an answer");
    let values = |answer: &[(String, Tensor)]| answer[0].1.as_f32().expect("f32").to_vec();
    let worst = values(&answer).iter().zip(values(&sound)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-2, "the answer is off by {worst}");
    assert!(wary.notices().iter().any(|notice| notice.contains("winograd")), "{:?}", wary.notices());
    assert_eq!(wary.verified().get(), Some(true), "{:?}", wary.notices());
}

#[test]
fn a_wrong_pool_in_front_of_a_node_is_not_the_nodes_fault() {
    let _turn = alone();
    // Parts that two concatenations read are copied from texture to texture, which a node by itself does behind pools alone.
    let both = Builder::new(&[-1, 8, 9, 9]).conv("x", "a", 8, 8).conv("x", "b", 8, 8);
    let both =
        both.node("Concat", &["a", "b"], "c").int("axis", 1).node("Concat", &["b", "a"], "d").int("axis", 1);
    let network = both.conv("c", "y", 16, 8).conv("d", "z", 16, 8).finish(&["y", "z"]);
    let device = broken("mask_channels(v, quad, c.channels)", "mask_channels(0.5 * v, quad, c.channels)");
    let mut wary = session(&network, &device);
    let answer = wary.run(inputs(&[1, 8, 9, 9])).expect("what the network needs is right");
    let sound = session(&network, &software()).run(inputs(&[1, 8, 9, 9])).expect("an answer");
    assert_eq!(answer, sound);
    let said = wary.notices().join("; ");
    assert!(said.contains("pool_texels_f32 computes wrong"), "{said}");
    assert!(said.contains("could not be verified on this device: layout_texels_to_texels_f32"), "{said}");
    assert_eq!(wary.verified().get(), Some(false));
}

#[test]
fn a_damaged_file_of_verdicts_is_ignored_with_a_message() {
    let _turn = alone();
    let device = software();
    let network = Builder::new(&[-1, 3, 8, 8]).node("Relu", &["x"], "y").finish(&["y"]);
    session(&network, &device).run(inputs(&[1, 3, 8, 8])).expect("an answer");
    let path = cache(&device).path().expect("a file").to_path_buf();
    fs::write(&path, "{\"format\":").expect("a file");
    let mut wary = session(&network, &device);
    assert!(wary.notices().iter().any(|notice| notice.contains("damaged")), "{:?}", wary.notices());
    wary.run(inputs(&[1, 3, 8, 8])).expect("an answer");
    assert_eq!(wary.verified().get(), Some(true), "it was done again");
    assert_eq!(cache(&device).load().1, None, "and kept");
}

#[test]
fn the_list_of_devices_says_what_is_wrong_and_which_file_cannot_be_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let device = software();
    let subject = Subject::of(device.as_gpu().expect("a GPU"));
    let adapter = device.as_gpu().expect("a GPU").adapter();
    let name = adapter.name.clone();
    // The command asks llvmpipe for other vectors than it takes by itself.
    let bits = adapter.subgroup.map(|lanes| (lanes * 32).to_string());
    let halves = Cache::at(folder.path(), Subject { precision: Precision::F16, ..subject.clone() });
    let mut found = Tunings::none(Subject { precision: Precision::F16, ..subject.clone() });
    found.dropped.insert(KERNEL.into(), Dropped { reason: "element 3".into(), measured: 1 });
    halves.merge(&found, &BTreeSet::new()).expect("it is kept");
    let listed = |format: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gyrus"));
        command.args(["devices", "--format", format]).env("GYRUS_CACHE_DIR", folder.path());
        command.envs(bits.iter().map(|bits| ("LP_NATIVE_VECTOR_WIDTH", bits)));
        let output = command.output().expect("the program");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (text(output.stdout), text(output.stderr))
    };
    let (table, said) = listed("table");
    let row = table.lines().find(|line| line.contains(&name)).expect("the adapter");
    assert!(row.contains(&format!("wrong: {KERNEL}")), "{row}");
    assert!(!said.contains("note: "), "{said}");
    let damaged = Cache::at(folder.path(), subject);
    fs::write(damaged.path().expect("a place"), "{").expect("a file");
    let (json, said) = listed("json");
    let notes: Vec<&str> = said.lines().filter(|line| line.starts_with("note: ")).collect();
    assert!(matches!(notes[..], [note] if note.contains("damaged")), "{said}");
    let lines = json.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let entry = lines.into_iter().find(|line| line["name"] == name).expect("the adapter");
    assert!(entry["notice"].as_str().is_some_and(|notice| notice.contains("damaged")), "{entry}");
    assert_eq!((&entry["verified"], &entry["wrong"]), (&0.into(), &vec![KERNEL].into()));
}

#[test]
fn nothing_is_called_verified_that_was_not() {
    let _turn = alone();
    let network = Builder::new(&[-1, 5]).node("Sigmoid", &["x"], "y").finish(&["y"]);
    let mut trusting = session(&network, &software());
    trusting.trust_kernels();
    trusting.run(inputs(&[1, 5])).expect("an answer");
    assert_eq!(trusting.verified().get(), Some(false));
    let on_cpu = session(&network, &Device::open("cpu").expect("the CPU engine"));
    assert_eq!(on_cpu.verified().get(), None, "no kernels run there");
}

#[test]
fn a_shift_may_take_away_most_of_what_it_is_added_to() {
    let _turn = alone();
    let b = Builder::new(&[-1, 8, 33, 31]).node("MaxPool", &["x"], "p").ints("kernel_shape", &[2, 2]);
    let b = b.norm("p", "n", 8).node("Relu", &["n"], "r").norm("p", "m", 8).node("Sigmoid", &["m"], "s");
    let network =
        b.node("Neg", &["p"], "-").norm("-", "o", 8).node("Relu", &["o"], "t").finish(&["r", "s", "t"]);
    let mut session = session(&network, &software());
    session.run(inputs(&[1, 8, 33, 31])).expect("no kernel is called wrong for that");
    assert_eq!(session.verified().get(), Some(true), "{:?}", session.notices());
}

#[test]
fn what_somebody_else_found_wrong_meanwhile_is_left_too() {
    let _turn = alone();
    let device = software();
    let mut first = session(&strided(), &device);
    let mut second = session(&strided(), &device);
    first.run(inputs(&[1, 16, 9, 9])).expect("an answer");
    let of_kernel =
        |known: &Tunings| known.verified.values().flatten().filter(|(name, _)| *name == KERNEL).count();
    assert!(of_kernel(&cache(&device).load().0) > 0);
    let mut found = cache(&device).load().0;
    found.verified.clear();
    found.dropped.insert(KERNEL.into(), Dropped { reason: "element 3".into(), measured: 1 });
    cache(&device).merge(&found, &BTreeSet::new()).expect("it is kept");
    assert_eq!(of_kernel(&cache(&device).load().0), 0, "verdicts on what is wrong");
    second.run(inputs(&[1, 16, 9, 9])).expect("another kernel's answer");
    assert_eq!(second.verified().get(), Some(true));
    assert_eq!(of_kernel(&cache(&device).load().0), 0, "it was taken again");
    cache(&device)
        .merge(&Tunings::none(found.subject), &BTreeSet::from([KERNEL.into()]))
        .expect("it is kept");
}

#[test]
fn a_verdict_that_cannot_be_is_not_believed() {
    let _turn = alone();
    let device = software();
    let network = Builder::new(&[-1, 4, 8, 8]).node("Sigmoid", &["x"], "y").finish(&["y"]);
    session(&network, &device).run(inputs(&[1, 4, 8, 8])).expect("an answer");
    let path = cache(&device).path().expect("a file").to_path_buf();
    let sound = fs::read_to_string(&path).expect("a file");
    for (field, value) in [("outputs", serde_json::json!(0)), ("worst", serde_json::json!(1.5))] {
        let mut other = opened(&sound);
        let verdicts = other["verified"].as_object_mut().expect("sites").values_mut();
        verdicts
            .flat_map(|site| site.as_object_mut().expect("kernels").values_mut())
            .for_each(|verdict| verdict[field] = value.clone());
        fs::write(&path, sealed(&other.to_string())).expect("a file");
        let (known, fault) = cache(&device).load();
        assert!(fault.is_some_and(|fault| fault.contains("verdict")), "{field}");
        assert_eq!(known.verified(), 0);
    }
    fs::write(&path, sound).expect("a file");
}

#[test]
fn a_batch_is_checked_with_the_kernels_that_are_compiled_for_it() {
    let _turn = alone();
    // Of few rows many lanes share each result, of many none do.
    let network = Builder::new(&[-1, 256]).weighted("Gemm", "x", "y", &[256, 512], 512).finish(&["y"]);
    let device = software();
    let mut session = session(&network, &device);
    session.run(inputs(&[2, 256])).expect("an answer");
    session.run(inputs(&[64, 256])).expect("an answer");
    assert_eq!(session.verified().get(), Some(true));
    let (known, _) = cache(&device).load();
    for rows in ["2x256", "64x256"] {
        assert!(
            known.verified.keys().any(|site| site.starts_with(&format!("Gemm {rows}"))),
            "{rows}: {:?}",
            known.verified.keys()
        );
    }
}
