//! Which of the kernels that apply a node takes: the operator's default order, unless tuning found a faster one, or
//! found one wrong.

use std::collections::{BTreeMap, BTreeSet};

use crate::ops::Reason;
use crate::ops::kernel::Kernel;

/// How to choose among the kernels that apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// The name of a kernel to take wherever it applies, for tests that hold each kernel to its twin.
    pub force: Option<String>,
    /// The fastest kernel by [`super::site`]. A name that is not among those that apply says nothing.
    pub winners: BTreeMap<String, String>,
    /// Kernels that compute wrong on this device. They are not taken unless forced.
    pub dropped: BTreeSet<String>,
    /// Whether a node may take any memory for what it computes on the way. Else no more than leaves the peak of the
    /// network as it is, which for a node by itself would be none.
    pub roomy: bool,
}

/// A node's choice among kernels, for those who measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub site: String,
    /// All that apply, the default first.
    pub candidates: Vec<&'static str>,
    pub chosen: &'static str,
}

impl Choice {
    /// Takes this kernel wherever it applies.
    pub fn forcing(kernel: &str) -> Choice {
        Choice { force: Some(kernel.to_string()), ..Choice::default() }
    }

    /// Takes this kernel wherever it applies, in a graph of one node.
    pub fn forcing_alone(kernel: &str) -> Choice {
        Choice { roomy: true, ..Choice::forcing(kernel) }
    }

    /// One of the kernels that apply at a site, each of them named once.
    pub(super) fn pick(&self, applying: &[&'static Kernel], site: &str) -> Result<&'static Kernel, Reason> {
        let named =
            |name: Option<&String>| applying.iter().find(|k| name.is_some_and(|n| n == k.name)).copied();
        if let Some(forced) = named(self.force.as_ref()) {
            return Ok(forced);
        }
        let is_right = |kernel: &&'static Kernel| !self.dropped.contains(kernel.name);
        let winner = named(self.winners.get(site)).filter(is_right);
        winner.or_else(|| applying.iter().copied().find(is_right)).ok_or_else(|| nothing(applying))
    }
}

/// Refused rather than computed wrong.
fn nothing(applying: &[&Kernel]) -> Reason {
    let names: Vec<&str> = applying.iter().map(|k| k.name).collect();
    match names.is_empty() {
        true => "no kernel applies on this device".into(),
        false => Reason(format!(
            "every kernel that applies computed wrong on this device when it was tuned ({}); `gyrus tune` checks them \
             anew, `--device cpu` needs none of them",
            names.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::kernels;

    fn three() -> Vec<&'static Kernel> {
        let mut found: Vec<&Kernel> = Vec::new();
        for kernel in kernels() {
            if found.len() < 3 && found.iter().all(|k| k.name != kernel.name) {
                found.push(kernel);
            }
        }
        found
    }

    #[test]
    fn winners_go_before_the_default_order_and_names_that_do_not_apply_say_nothing() {
        let applying = three();
        let [first, second, third] = [0, 1, 2].map(|i| applying[i].name);
        let with = |winner: &str, dropped: &[&str]| Choice {
            winners: BTreeMap::from([("here".to_string(), winner.to_string())]),
            dropped: dropped.iter().map(|s| s.to_string()).collect(),
            ..Choice::default()
        };
        let picked = |choice: &Choice, site: &str| choice.pick(&applying, site).map(|k| k.name);
        assert_eq!(picked(&Choice::default(), "here"), Ok(first));
        assert_eq!(picked(&with(second, &[]), "here"), Ok(second));
        assert_eq!(picked(&with(second, &[]), "there"), Ok(first));
        assert_eq!(picked(&with("no such kernel", &[]), "here"), Ok(first));
        assert_eq!(picked(&with(second, &[second, first]), "here"), Ok(third));
        let reason = picked(&with(second, &[first, second, third]), "here").expect_err("nothing is left");
        assert!(reason.0.contains(third) && reason.0.contains("computed wrong"), "{reason:?}");
        let forced = Choice { force: Some(third.into()), ..with(second, &[third]) };
        assert_eq!(picked(&forced, "here"), Ok(third));
        assert!(Choice::default().pick(&[], "here").is_err());
    }
}
