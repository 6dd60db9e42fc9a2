//! Chains of several operators, whose values go from one layout to another on their way. All but the last are exact, so that what the
//! last allows is allowed of the whole; or pointwise before a convolution, whose sums are then off by as much more.

use crate::ops::OPS;
use crate::ops::fusion::FusedCase;
use crate::ops::kernel::Kernel;

/// The kernels that are each taken wherever they apply: pools in buffers and in textures, and all ways to join parts. What follows them
/// has to convert.
pub(super) fn kernels() -> impl Iterator<Item = &'static Kernel> {
    OPS.iter()
        .filter(|operator| ["MaxPool", "Concat"].contains(&operator.name))
        .flat_map(|o| o.kernels)
        .copied()
}

fn pool(case: FusedCase, input: &str, output: &str) -> FusedCase {
    case.node("MaxPool", &[input], output).ints("kernel_shape", &[2, 2])
}

fn joined(case: FusedCase, inputs: &[&str], output: &str) -> FusedCase {
    case.node("Concat", inputs, output).int("axis", 1)
}

pub(super) fn cases() -> Vec<FusedCase> {
    let two = |name: &str, channels: [usize; 2]| {
        let case =
            FusedCase::new(name).given("x", &[2, channels[0], 7, 6]).given("z", &[2, channels[1], 7, 6]);
        pool(pool(case, "x", "a"), "z", "b")
    };
    let per_sample = FusedCase::new("a factor for each sample and channel")
        .given("x", &[3, 9, 5, 4])
        .given("s", &[3, 9, 1, 1]);
    // One over zero is no number that a weight of zero would take away: channels that pad a group must be masked.
    let inverse = |channels: usize| {
        let case = FusedCase::new(format!("one over each of {channels} channels"));
        let case =
            case.given("x", &[2, channels, 10, 9]).node("MaxPool", &["x"], "a").ints("kernel_shape", &[4, 4]);
        case.node("Reciprocal", &["a"], "r").conv("r", "y", &[3, channels, 3, 3])
    };
    vec![
        inverse(5),
        inverse(6),
        inverse(7),
        // What is joined twice lies in place of the first result at most.
        joined(
            joined(two("parts of whole groups, joined twice", [8, 4]), &["a", "b"], "c"),
            &["c", "a", "b"],
            "y",
        ),
        joined(two("a part within a group", [5, 6]), &["a", "b"], "c").conv("c", "y", &[7, 11, 1, 1]),
        joined(two("parts of whole groups", [8, 12]), &["a", "b"], "c").conv("c", "y", &[5, 20, 3, 3]),
        pool(
            pool(FusedCase::new("enlarged between pools").given("x", &[2, 6, 7, 9]), "x", "a").enlarge(
                "a",
                "r",
                [2, 3],
            ),
            "r",
            "y",
        ),
        pool(per_sample, "x", "a").node("Mul", &["a", "s"], "y"),
    ]
}
