//! Every operator's CPU twin against the ONNX project's own test data: the judge that does not share
//! Gyrus's reading of the specification.

#[path = "common/onnx_cases.rs"]
mod onnx_cases;

use gyrus::graph::interpret::interpret;
use gyrus::ops::OPS;

/// Operators that this version of the suite cannot judge.
const WITHOUT_CASES: &[(&str, &str)] = &[
    ("Cast", "its cases convert element types that Gyrus does not have"),
    ("Range", "its cases are of operator set 27"),
];

#[test]
fn twins_agree_with_the_onnx_suite() {
    let groups = ["node", "simple", "pytorch-operator", "pytorch-converted"];
    let report =
        onnx_cases::run_all(&onnx_cases::folder(), &groups, &mut |graph, inputs| interpret(graph, inputs));
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
