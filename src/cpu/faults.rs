//! What rten computes wrong or less exactly than its operator allows, as `gyrus conformance --device cpu` shows it.

use crate::graph::Graph;
use crate::graph::attributes::Attribute;
use crate::graph::network::{Network, NodeDef};
use crate::tensor::{DType, Shape};

/// Why rten may not run a network at these shapes, if it may not: a node that it computes wrong.
pub fn fault(network: &Network, graph: &Graph) -> Option<String> {
    let wrong = |node: &NodeDef| {
        let fault = WRONG.iter().find(|fault| fault.operator == node.operator)?;
        let value = graph.values.iter().find(|value| Some(&value.name) == node.inputs.first());
        let input = value.map(|value| (&value.shape, value.dtype));
        let node = Node { def: node, opset: network.opset, input };
        (fault.applies)(&node).then(|| format!("rten computes {} wrong: {}", fault.operator, fault.what))
    };
    network.nodes.iter().find_map(wrong)
}

/// How far rten may be off where it approximates an operator, whatever the operator allows; 0 where it does not.
///
/// These are errors in the last places of values near 1, which are many units in the last place of values near 0.
/// A network on the twins would be exact, and a thousand times slower.
pub fn approximation(operator: &str) -> f64 {
    let found = APPROXIMATED.iter().find(|(name, _)| *name == operator);
    found.map_or(0.0, |(_, error)| *error)
}

const APPROXIMATED: &[(&str, f64)] = &[("Elu", 1.2e-7), ("Erf", 2.4e-7), ("Gelu", 2.4e-7)];

/// A node as far as it tells whether rten is right.
struct Node<'a> {
    def: &'a NodeDef,
    opset: i64,
    /// Shape and type of the first input; `None` for one that folding has removed.
    input: Option<(&'a Shape, DType)>,
}

struct Fault {
    operator: &'static str,
    applies: fn(&Node) -> bool,
    what: &'static str,
}

const WRONG: &[Fault] = &[
    Fault { operator: "Sign", applies: |_| true, what: "the sign of 0 is 1" },
    Fault { operator: "Conv", applies: same_lower, what: "auto_pad SAME_LOWER pads at the end" },
    Fault {
        operator: "Softmax",
        applies: over_several_axes,
        what: "before opset 13 it runs over one axis only",
    },
    Fault { operator: "Cast", applies: to_bool, what: "fractions become false" },
];

fn same_lower(node: &Node) -> bool {
    matches!(node.def.attributes.get("auto_pad"), Some(Attribute::Text(mode)) if mode == "SAME_LOWER")
}

fn over_several_axes(node: &Node) -> bool {
    let Some((shape, _)) = node.input.filter(|_| node.opset < 13) else { return false };
    let axis = match node.def.attributes.get("axis") {
        Some(Attribute::Int(axis)) => *axis,
        _ => 1,
    };
    let behind = crate::ops::axis(axis, shape.rank()).map_or(0, |axis| axis + 1);
    shape.iter().skip(behind).product::<usize>() > 1
}

fn to_bool(node: &Node) -> bool {
    /// ONNX's number of the type.
    const BOOL: i64 = 9;
    let to_bool = matches!(node.def.attributes.get("to"), Some(Attribute::Int(BOOL)));
    to_bool && node.input.is_none_or(|(_, dtype)| dtype == DType::F32)
}
