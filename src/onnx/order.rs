//! Puts nodes into an order in which every value is computed before it is used.
//!
//! ONNX demands that order of the file; files that break it exist, and one with a cycle has none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::error::{Error, Result};
use crate::graph::network::{Network, NodeDef};

/// Sorts the nodes, keeping the file's order where it is free to.
///
/// # Errors
/// A cycle, a value that nothing computes, or one that two nodes compute.
pub(super) fn sort(network: &mut Network) -> Result<()> {
    let producer = producers(network)?;
    let mut waiting: Vec<usize> = vec![0; network.nodes.len()];
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); network.nodes.len()];
    for (i, node) in network.nodes.iter().enumerate() {
        let sources: BTreeSet<usize> =
            node.inputs.iter().filter_map(|name| producer.get(name.as_str()).copied().flatten()).collect();
        waiting[i] = sources.len();
        sources.into_iter().for_each(|source| users[source].push(i));
    }
    let mut ready: VecDeque<usize> = (0..waiting.len()).filter(|&i| waiting[i] == 0).collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(i) = ready.pop_front() {
        order.push(i);
        for &user in &users[i] {
            waiting[user] -= 1;
            if waiting[user] == 0 {
                ready.push_back(user);
            }
        }
    }
    if order.len() < network.nodes.len() {
        let stuck = (0..waiting.len()).find(|&i| waiting[i] > 0).unwrap_or(0);
        return Err(Error::Graph(format!("node '{}' is part of a cycle", network.nodes[stuck].name)));
    }
    let mut nodes: Vec<Option<NodeDef>> = network.nodes.drain(..).map(Some).collect();
    network.nodes = order.into_iter().filter_map(|i| nodes[i].take()).collect();
    Ok(())
}

/// Who computes each value: a node, or nobody (`None`) for inputs and constants. Every name used must be there.
fn producers(network: &Network) -> Result<BTreeMap<&str, Option<usize>>> {
    let given = network.inputs.iter().map(|v| &v.name).chain(network.constants.keys());
    let mut producer: BTreeMap<&str, Option<usize>> = given.map(|name| (name.as_str(), None)).collect();
    for (i, node) in network.nodes.iter().enumerate() {
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            if producer.insert(name, Some(i)).is_some() {
                return Err(Error::Graph(format!("value '{name}' is computed twice")));
            }
        }
    }
    for node in &network.nodes {
        if let Some(name) = node.inputs.iter().find(|n| !n.is_empty() && !producer.contains_key(n.as_str())) {
            let reason = format!("input '{name}' is neither computed nor stored in the file");
            return Err(Error::node(&node.name, &node.operator, reason));
        }
    }
    for output in &network.outputs {
        if !producer.contains_key(output.name.as_str()) {
            return Err(Error::Graph(format!("output '{}' is never computed", output.name)));
        }
    }
    Ok(producer)
}
