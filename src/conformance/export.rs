//! The builtin suite as a folder of plans, WGSL and numbers, for players that are not this program: a browser.

use std::path::Path;

use serde_json::{Value, json};

use super::builtin::{self, Judged, OfKernels};
use super::judge::Bounds;
use super::plans::{kernels, plans};
use crate::error::{Error, Result};
use crate::export::{Folder, Numbers, PLAYER, Span, weights};
use crate::plan::{Plan, Precision, Target};
use crate::tensor::Tensor;

/// The page that plays it, by where it lies in the exported folder.
const PAGE: &[(&str, &str)] = &[
    ("conformance.html", include_str!("../../web/conformance.html")),
    ("conformance.css", include_str!("../../web/conformance.css")),
    ("conformance.js", include_str!("../../web/conformance.js")),
    ("conformance/engine.js", include_str!("../../web/conformance/engine.js")),
    ("conformance/fit.js", include_str!("../../web/conformance/fit.js")),
    ("conformance/folder.js", include_str!("../../web/conformance/folder.js")),
    ("conformance/judge.js", include_str!("../../web/conformance/judge.js")),
    ("conformance/totals.js", include_str!("../../web/conformance/totals.js")),
    ("conformance/trials.js", include_str!("../../web/conformance/trials.js")),
    ("logo.svg", include_str!("../../web/logo.svg")),
    ("markup.js", include_str!("../../web/markup.js")),
    ("style.css", include_str!("../../web/style.css")),
    ("theme.js", include_str!("../../web/theme.js")),
];

/// Widths of subgroups of the devices that there are; none for those that promise none.
const SUBGROUPS: [Option<u32>; 6] = [None, Some(4), Some(8), Some(16), Some(32), Some(64)];

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Written {
    pub cases: usize,
    /// Plans, each of which is one way to compute a case.
    pub runs: usize,
}

/// Writes the builtin cases of all operators, or of one, with the page that plays them.
///
/// # Errors
/// A folder that is not empty or cannot be written to; an operator that there is not.
pub fn write(root: &Path, operator: Option<&str>) -> Result<Written> {
    // What there is to write is known before anything is made.
    let cases = builtin::known_cases(operator)?;
    let mut folder = Folder::create(root)?;
    folder.write_all(PAGE)?;
    folder.write_all(PLAYER)?;
    let (mut trials, mut written) = (Vec::new(), Written::default());
    for (number, case) in (1..).zip(&cases) {
        let (group, name) = case.path();
        let file = format!("cases/{number:04}");
        let mut numbers = Numbers::default();
        let runs = runs(&mut folder, case, &mut numbers)?;
        written.cases += 1;
        written.runs += runs.len();
        let value = json!({ "suite": builtin::NAME, "group": group, "case": name, "runs": runs });
        folder.write(&format!("{file}.json"), value.to_string())?;
        folder.write(&format!("{file}.bin"), numbers.bytes())?;
        trials.push(json!({ "suite": builtin::NAME, "group": group, "case": name, "file": file }));
    }
    let index = json!({ "gyrus": env!("CARGO_PKG_VERSION"), "suites": [builtin::NAME], "trials": trials });
    folder.write("index.json", index.to_string())?;
    Ok(written)
}

/// All ways to compute a case.
fn runs(folder: &mut Folder, case: &OfKernels, numbers: &mut Numbers) -> Result<Vec<Value>> {
    let mut runs = Vec::new();
    for precision in case.precisions() {
        let judged = case.judged(precision).map_err(Error::Graph)?;
        let mut seen: Vec<Value> = Vec::new();
        for subgroup in SUBGROUPS {
            let target = Target { precision, subgroup, ..Target::portable() };
            for plan in plans(&judged.graph, &target, case.kernels)? {
                let value = folder.plan(&plan)?;
                if !seen.contains(&value) {
                    runs.push(run(case, &judged, precision, (&plan, &value), subgroup, numbers)?);
                    seen.push(value);
                }
            }
        }
    }
    Ok(runs)
}

fn run(
    case: &OfKernels,
    judged: &Judged,
    precision: Precision,
    (plan, value): (&Plan, &Value),
    subgroup: Option<u32>,
    numbers: &mut Numbers,
) -> Result<Value> {
    let needs_subgroups =
        value["steps"].as_array().is_some_and(|steps| steps.iter().any(|s| s["subgroups"] == true));
    let kernels = kernels(plan);
    let bounds = case.bounds(judged, &kernels);
    let bounds: Vec<Span> = bounds
        .iter()
        .zip(&judged.expected)
        .map(|(bounds, expected)| numbers.add(&each(bounds, expected)))
        .collect();
    let inputs = spans(&judged.inputs, numbers)?;
    let expected = spans(&judged.expected, numbers)?;
    Ok(json!({
        "kernels": kernels,
        "precision": precision,
        // The width that the plan was made for, where it matters.
        "subgroup": subgroup.filter(|_| needs_subgroups),
        "plan": value,
        "weights": weights(plan, numbers),
        "inputs": inputs,
        "expected": expected,
        "bounds": bounds,
    }))
}

fn spans(tensors: &[Tensor], numbers: &mut Numbers) -> Result<Vec<Span>> {
    tensors.iter().map(|tensor| Ok(numbers.add(&tensor.to_device()?))).collect()
}

/// What every element may be off, as f32: never less than it is.
fn each(bounds: &Bounds, expected: &Tensor) -> Vec<f32> {
    let up = |bound: f64| if bound > 0.0 { (bound as f32).next_up() } else { 0.0 };
    bounds.of(expected).into_iter().map(up).collect()
}
