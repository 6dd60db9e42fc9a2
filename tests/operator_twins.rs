//! Every operator's CPU twin and shaders against the ONNX project's own test data: the judge that does not
//! share Gyrus's reading of the specification.

#[path = "common/onnx_cases.rs"]
mod onnx_cases;

use gyrus::Device;
use gyrus::gpu::{Player, WeightStore};
use gyrus::graph::interpret::interpret;
use gyrus::ops::OPS;
use gyrus::plan::lowering::Choice;
use gyrus::plan::plan;

/// Operators that this version of the suite cannot judge.
const WITHOUT_CASES: &[(&str, &str)] = &[
    ("Cast", "its cases convert element types that Gyrus does not have"),
    ("GlobalLpPool", "the suite has none"),
    ("Range", "its cases are of operator set 27"),
];

const GROUPS: [&str; 4] = ["node", "simple", "pytorch-operator", "pytorch-converted"];

/// The shaders on the software adapter: all that passes on the twins passes there, with no CPU in between.
#[test]
fn shaders_agree_with_the_onnx_suite() {
    let device = Device::open("software").expect("needs a software adapter: run scripts/test");
    let gpu = device.as_gpu().expect("a software adapter is a GPU to wgpu");
    let report = onnx_cases::run_all(&onnx_cases::folder(), &GROUPS, &mut |graph, inputs| {
        let plan = plan(graph, gpu.target(), &Choice::default())?;
        Player::new(gpu, plan, &mut WeightStore::default())?.run(inputs)
    });
    println!("{}", report.text());
    assert!(report.failures.is_empty(), "{} fail:\n{}", report.failures.len(), report.failures.join("\n"));
    let convolutions = report.passed.get("Conv").copied().unwrap_or(0);
    assert!(convolutions > 0, "no case of Conv ran");
}

#[test]
fn twins_agree_with_the_onnx_suite() {
    let report =
        onnx_cases::run_all(&onnx_cases::folder(), &GROUPS, &mut |graph, inputs| interpret(graph, inputs));
    println!("{}", report.text());
    assert!(
        report.failures.is_empty(),
        "{} cases fail:\n{}",
        report.failures.len(),
        report.failures.join("\n")
    );
    let excused = |name: &str| WITHOUT_CASES.iter().any(|(excused, _)| *excused == name);
    let untested: Vec<&str> = OPS
        .iter()
        .map(|o| o.name)
        .filter(|name| !excused(name) && !report.passed.contains_key(*name))
        .collect();
    assert!(untested.is_empty(), "no case of the suite passes for: {}", untested.join(", "));
}
