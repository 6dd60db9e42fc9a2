//! Suites as a folder of plans, WGSL and numbers, for players that are not this program: a browser.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::judge::Bounds;
use super::plans::{self, plans};
use super::{Question, Suite, Trial};
use crate::error::{Error, Result};
use crate::export::{Folder, Numbers, PLAYER, Span, weights};
use crate::plan::{Plan, Target};
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

/// In front of reasons that hold on every device.
const OUTSIDE: &str = "outside of Gyrus: ";

/// Widths of subgroups of the devices that there are; none for those that promise none.
const SUBGROUPS: [Option<u32>; 6] = [None, Some(4), Some(8), Some(16), Some(32), Some(64)];

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Written {
    pub cases: usize,
    /// Plans, each of which is one way to compute a case.
    pub runs: usize,
}

/// Writes suites with the page that plays them. `kernels` are those that should take part, so that the page tells which do not.
///
/// # Errors
/// A folder that is not empty or cannot be written to; a case that cannot be read, or fails wherever it runs.
pub fn write(root: &Path, suites: &[Suite], kernels: &[&str]) -> Result<Written> {
    let mut folder = Folder::create(root)?;
    folder.write_all(PAGE)?;
    folder.write_all(PLAYER)?;
    let (mut trials, mut written) = (Vec::new(), Written::default());
    for (suite, trial) in suites.iter().flat_map(|suite| suite.trials.iter().map(move |trial| (suite, trial)))
    {
        let file = format!("cases/{:05}", written.cases);
        let about = json!({
            "suite": suite.name,
            "group": trial.group(),
            "operator": trial.operator(),
            "case": trial.name(),
        });
        written.runs += write_trial(&mut folder, &file, trial.as_ref(), about.clone())?;
        written.cases += 1;
        trials.push(with(about, "file", file));
    }
    let names: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
    let about =
        json!({ "gyrus": env!("CARGO_PKG_VERSION"), "suites": names, "kernels": kernels, "trials": trials });
    folder.write("index.json", about.to_string())?;
    Ok(written)
}

/// Writes a case's plans and numbers, and how many plans those are.
fn write_trial(folder: &mut Folder, file: &str, trial: &dyn Trial, about: Value) -> Result<usize> {
    let mut numbers = Numbers::default();
    let (mut runs, mut skipped) = (Vec::new(), Vec::new());
    match trial.questions()? {
        Ok(questions) => {
            for question in questions {
                match runs_of(folder, &question, &mut numbers) {
                    Ok(found) => runs.extend(found),
                    Err(error @ Error::TooLarge { .. }) => skipped.push(error.to_string()),
                    Err(error) => return Err(error),
                }
            }
        }
        Err(reasons) => skipped.extend(reasons.iter().map(|reason| format!("{OUTSIDE}{reason}"))),
    }
    let skipped: Vec<Value> = skipped.iter().map(|reason| json!({ "reason": reason })).collect();
    let value = with(with(about, "runs", &runs), "skipped", skipped);
    folder.write(&format!("{file}.json"), value.to_string())?;
    folder.write(&format!("{file}.bin"), numbers.bytes())?;
    Ok(runs.len())
}

fn with(mut object: Value, key: &str, value: impl Serialize) -> Value {
    object[key] = json!(value);
    object
}

/// All ways to compute a case.
fn runs_of(folder: &mut Folder, question: &Question, numbers: &mut Numbers) -> Result<Vec<Value>> {
    let (mut runs, mut seen) = (Vec::new(), Vec::new());
    for subgroup in SUBGROUPS {
        let target = Target { precision: question.precision, subgroup, ..Target::portable() };
        for plan in plans(&question.graph, &target, question.kernels)? {
            let value = folder.plan(&plan)?;
            if !seen.contains(&value) {
                runs.push(run(question, (&plan, &value), subgroup, numbers)?);
                seen.push(value);
            }
        }
    }
    Ok(runs)
}

fn run(
    question: &Question,
    (plan, value): (&Plan, &Value),
    subgroup: Option<u32>,
    numbers: &mut Numbers,
) -> Result<Value> {
    let needs_subgroups =
        value["steps"].as_array().is_some_and(|steps| steps.iter().any(|s| s["subgroups"] == true));
    let kernels = plans::kernels(plan);
    let bounds = (question.bounds)(&kernels);
    let bounds: Vec<Span> = bounds
        .iter()
        .zip(&question.expected)
        .map(|(bounds, expected)| numbers.add(&each(bounds, expected)))
        .collect();
    Ok(json!({
        "kernels": kernels,
        "precision": question.precision,
        // The width that the plan was made for, where it matters.
        "subgroup": subgroup.filter(|_| needs_subgroups),
        "plan": value,
        "weights": weights(plan, numbers),
        "inputs": spans(&question.inputs, numbers)?,
        "expected": spans(&question.expected, numbers)?,
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
