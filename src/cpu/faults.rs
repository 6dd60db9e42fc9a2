//! What rten computes wrong or less exactly than its operator allows, as `gyrus conformance --device cpu` shows it.

use crate::graph::Graph;
use crate::graph::attributes::Attribute;
use crate::graph::network::{Network, NodeDef};
use crate::tensor::{DType, Shape};

/// Why rten may not run a network at these shapes, if it may not: a node that it computes wrong.
pub fn fault(network: &Network, graph: &Graph) -> Option<String> {
    let wrong = |node: &NodeDef| {
        let fault = WRONG.iter().find(|fault| fault.operator == node.operator)?;
        let find = |name: Option<&String>| graph.values.iter().find(|value| Some(&value.name) == name);
        let input = find(node.inputs.first()).map(|value| (&value.shape, value.dtype));
        let output = find(node.outputs.first()).map(|value| &value.shape);
        let node = Node { def: node, opset: network.opset, input, output };
        (fault.applies)(&node).then(|| format!("rten computes {} wrong: {}", fault.operator, fault.what))
    };
    network.nodes.iter().find_map(wrong)
}

/// How far rten may be off where it approximates an operator, whatever the operator allows; 0 where it does not.
///
/// These are errors in the last places of values near 1, which are many units in the last place of values near 0;
/// of a resized image, that of a position among a thousand pixels, which f32 holds to 1e-4, on a slope of 4.
/// A network on the twins would be exact, and a thousand times slower.
pub fn approximation(operator: &str) -> f64 {
    let found = APPROXIMATED.iter().find(|(name, _)| *name == operator);
    found.map_or(0.0, |(_, error)| *error)
}

const APPROXIMATED: &[(&str, f64)] = &[("Elu", 1.2e-7), ("Erf", 2.4e-7), ("Gelu", 3e-7), ("Resize", 5e-4)];

/// A node as far as it tells whether rten is right.
struct Node<'a> {
    def: &'a NodeDef,
    opset: i64,
    /// Shape and type of the first input; `None` for one that folding has removed.
    input: Option<(&'a Shape, DType)>,
    output: Option<&'a Shape>,
}

impl Node<'_> {
    fn text(&self, name: &str) -> &str {
        match self.def.attributes.get(name) {
            Some(Attribute::Text(text)) => text,
            _ => "",
        }
    }

    fn int(&self, name: &str) -> Option<i64> {
        match self.def.attributes.get(name) {
            Some(Attribute::Int(value)) => Some(*value),
            _ => None,
        }
    }
}

struct Fault {
    operator: &'static str,
    applies: fn(&Node) -> bool,
    what: &'static str,
}

const WRONG: &[Fault] = &[
    Fault { operator: "ArgMax", applies: first_of_equals, what: "of equal elements it takes the last" },
    Fault { operator: "ArgMin", applies: first_of_equals, what: "of equal elements it takes the last" },
    Fault {
        operator: "Cast",
        applies: from_floats,
        what: "fractions become false, and integers have 32 bits",
    },
    Fault { operator: "Conv", applies: same_lower, what: "auto_pad SAME_LOWER pads at the end" },
    Fault {
        operator: "LogSoftmax",
        applies: over_several_axes,
        what: "before opset 13 it takes one axis only",
    },
    Fault { operator: "ReduceL2", applies: over_no_axes, what: "over no axes it keeps the sign" },
    Fault { operator: "Resize", applies: between_pixels, what: "cubic is linear, and corners do not meet" },
    Fault { operator: "Sign", applies: |_| true, what: "the sign of 0 is 1" },
    Fault { operator: "Softmax", applies: over_several_axes, what: "before opset 13 it takes one axis only" },
    Fault { operator: "Trilu", applies: from_a_diagonal, what: "diagonals far outside come round again" },
];

fn first_of_equals(node: &Node) -> bool {
    node.int("select_last_index") != Some(1)
}

fn same_lower(node: &Node) -> bool {
    node.text("auto_pad") == "SAME_LOWER"
}

/// From one that is stated. Where overflow is checked rten panics instead.
fn from_a_diagonal(node: &Node) -> bool {
    node.def.inputs.get(1).is_some_and(|name| !name.is_empty())
}

fn over_no_axes(node: &Node) -> bool {
    node.int("noop_with_empty_axes") == Some(1)
}

/// Cubic interpolation; corners that are aligned by a scale which is not whole; the nearest pixel by a position
/// that f32 does not hold.
fn between_pixels(node: &Node) -> bool {
    let (Some((input, _)), Some(output)) = (node.input, node.output) else { return false };
    let by_sizes = node.def.inputs.get(3).is_some_and(|name| !name.is_empty());
    let all =
        |right: &dyn Fn(usize, usize) -> bool| input.iter().zip(output.iter()).all(|(&i, &o)| right(i, o));
    let whole = all(&|i, o| o.is_multiple_of(i.max(1)));
    let exact = all(&|i, o| (o.is_multiple_of(i.max(1)) && (o / i.max(1)).is_power_of_two()) || i == 2 * o);
    match (node.text("mode"), node.text("coordinate_transformation_mode")) {
        ("cubic", _) => true,
        (_, "align_corners") => !by_sizes && !whole,
        ("linear", _) => false,
        (_, "asymmetric") => !exact && !by_sizes,
        // The nearest of two pixels that are equally far, by a position in f32.
        _ => !exact,
    }
}

fn over_several_axes(node: &Node) -> bool {
    let Some((shape, _)) = node.input.filter(|_| node.opset < 13) else { return false };
    let behind = crate::ops::axis(node.int("axis").unwrap_or(1), shape.rank()).map_or(0, |axis| axis + 1);
    shape.iter().skip(behind).product::<usize>() > 1
}

/// From f32 to booleans, or to integers, of which rten has 32 bits only.
fn from_floats(node: &Node) -> bool {
    /// ONNX's numbers of the types.
    const INT64: i64 = 7;
    const BOOL: i64 = 9;
    let to = node.int("to");
    (to == Some(BOOL) || to == Some(INT64)) && node.input.is_none_or(|(_, dtype)| dtype == DType::F32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{build, input_shapes};
    use crate::ops::OPS;

    /// Tests run with overflow checked, and there rten panics instead: no answer of its own shows this one.
    #[test]
    fn triangles_from_a_stated_diagonal_are_not_left_to_rten() {
        let trilu = OPS.iter().find(|operator| operator.name == "Trilu").expect("an operator");
        let is_wrong = |name: &str| {
            let case = (trilu.cases)().into_iter().find(|case| case.name == name).expect("a case");
            let (network, _) = case.network().expect("a network");
            let shapes = input_shapes(&network, &Default::default(), 1).expect("shapes");
            fault(&network, &build(&network, &shapes).expect("a graph")).is_some()
        };
        assert!(is_wrong("nothing stays"));
        assert!(!is_wrong("upper"), "from the main diagonal it is right");
    }
}
