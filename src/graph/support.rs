//! Which nodes of a network Gyrus cannot run: all of them, found before any input shape is known.

use std::collections::BTreeSet;

use super::network::{Network, NodeDef};
use crate::error::UnsupportedNode;
use crate::graph::attributes::AttributeReader;
use crate::ops;

/// Every node that cannot be run, with the reason: its operator, an attribute, or an input that the network
/// computes where it must be known when the network is loaded.
pub fn unsupported(network: &Network) -> Vec<UnsupportedNode> {
    let mut known: BTreeSet<&str> = network.constants.keys().map(String::as_str).collect();
    let mut found = Vec::new();
    for node in &network.nodes {
        match check(network, node, &known) {
            Ok(true) => known.extend(node.outputs.iter().map(String::as_str)),
            Ok(false) => {}
            Err(reason) => found.push(UnsupportedNode {
                node: node.name.clone(),
                operator: node.operator.clone(),
                reason: reason.0,
            }),
        }
    }
    found
}

/// Whether the node's outputs are known at load.
fn check(network: &Network, node: &NodeDef, known: &BTreeSet<&str>) -> Result<bool, ops::Reason> {
    let op = ops::load(&node.operator, &AttributeReader::of(node, network.opset))?;
    let is_known = |name: &String| name.is_empty() || known.contains(name.as_str());
    let needed = op.known_inputs();
    let computed = (0..).zip(&node.inputs).find(|(i, name)| needed.contains(i) && !is_known(name));
    match computed {
        Some((_, name)) => Err(ops::Reason(format!(
            "its input '{name}' is computed by the network; supported only where it is known at load"
        ))),
        None => Ok(op.follows_from_shapes() || node.inputs.iter().all(is_known)),
    }
}
