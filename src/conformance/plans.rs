//! All ways to compute a small problem: a plan for every kernel that applies.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::graph::{self, Graph};
use crate::ops::kernel::Kernel;
use crate::plan::lowering::Choice;
use crate::plan::{Plan, Precision, Step, Target, plan};

/// Between what lies in one buffer there is memory that is nobody's, whatever the device would allow.
const APART: u64 = 256;

/// The operator of the planner's own steps that move a constant to where outputs are read.
const OUTPUT_STEP: &str = "output";

/// The plan that a session would take and, with each of these kernels taken wherever it applies, what differs from it: on the device
/// as it is, and on one that holds so little at once that the work is divided. Of those that store f16 only what does.
///
/// # Errors
/// What is not supported, or needs too much memory.
pub(super) fn plans(graph: &Graph, target: &Target, kernels: &[&'static Kernel]) -> Result<Vec<Plan>> {
    let mut graph = graph.clone();
    graph::fuse(&mut graph);
    let target = &Target { alignment: target.alignment.max(APART), ..target.clone() };
    let mut plans = vec![plan(&graph, target, &Choice::default())?];
    let narrow = narrow(target);
    for kernel in kernels {
        let choice = Choice::forcing(kernel.name);
        plans.push(plan(&graph, target, &choice)?);
        // Not every problem can be divided so far.
        plans.extend(plan(&graph, &narrow, &choice));
    }
    let mut seen = BTreeSet::new();
    plans.retain(|plan| seen.insert(steps(plan)));
    if target.precision == Precision::F16 {
        // The others are run as f32 is stored.
        plans.retain(|plan| !plan.half_textures.is_empty());
    }
    Ok(plans)
}

/// The kernels of a plan's operators, each once.
pub(super) fn kernels(plan: &Plan) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let own = plan.steps.iter().filter(|step| step.operator != OUTPUT_STEP);
    for name in own.map(|step| step.kernel.to_string()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A device that holds and starts so little at once that small problems are divided as large ones are on others.
fn narrow(target: &Target) -> Target {
    Target { max_binding: 4096, max_groups: 3, ..target.clone() }
}

/// What tells plans of one graph apart: kernels, how they were specialised, and how the work was divided.
fn steps(plan: &Plan) -> Vec<(String, String, [u32; 3])> {
    let step = |step: &Step| (step.kernel.to_string(), format!("{:?}", step.constants), step.grid);
    plan.steps.iter().map(step).collect()
}
