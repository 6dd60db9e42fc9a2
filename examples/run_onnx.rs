//! Runs any ONNX network once on zeros and prints the shapes of its outputs:
//! `cargo run --release --example run_onnx -- network.onnx`

use std::collections::BTreeMap;

use gyrus::graph::input_shapes;
use gyrus::{Device, Model, Result, Session, Tensor};

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).unwrap_or_default();
    let model = Model::load(path.as_ref())?;
    let device = Device::open("auto")?;
    let mut session = Session::new(&model, &device)?;
    let mut inputs = BTreeMap::new();
    let shapes = input_shapes(model.network(), &BTreeMap::new(), 1)?;
    for (input, shape) in model.network().inputs.iter().zip(shapes) {
        let zeros = Tensor::from_f32(shape.to_vec(), vec![0.0; shape.elements()])?;
        inputs.insert(input.name.clone(), zeros);
    }
    println!("on {}", session.device_name());
    for (name, output) in session.run(inputs)? {
        println!("{name}: {}", output.shape());
    }
    Ok(())
}
