//! Network to graph: shape inference in one walk, folding whatever is known at load.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Graph, Node, Value, ValueId, unsupported};
use crate::error::{Error, Result};
use crate::graph::attributes::AttributeReader;
use crate::graph::network::{Network, NodeDef};
use crate::ops::{self, Info, Op, Reason, TensorType};
use crate::tensor::{DType, Shape, Tensor};

/// Folded constants may not be larger than this together: a hostile file can ask for any size.
const MAX_FOLDED_ELEMENTS: usize = 1 << 28;

/// Nor may computing one take longer than a few seconds on the twins.
const MAX_FOLDED_MULTIPLY_ADDS: u64 = 1 << 30;

/// The graph of a network at these input shapes (in the order of its inputs).
///
/// # Errors
/// Unsupported nodes, all of them listed; shapes that do not fit together, by node.
pub fn build(network: &Network, shapes: &[Shape]) -> Result<Graph> {
    let mut builder = Builder::default();
    builder.declare(network, shapes)?;
    let unsupported = unsupported(network);
    if !unsupported.is_empty() {
        return Err(Error::Unsupported(unsupported));
    }
    for node in &network.nodes {
        let op = ops::load(&node.operator, &AttributeReader::of(node, network.opset));
        let added = op.and_then(|op| builder.add(node, op));
        added.map_err(|r| Error::node(&node.name, &node.operator, r.0))?;
    }
    builder.finish(network)
}

#[derive(Default)]
struct Builder<'a> {
    graph: Graph,
    by_name: BTreeMap<&'a str, ValueId>,
    folded: usize,
}

impl<'a> Builder<'a> {
    fn declare(&mut self, network: &'a Network, shapes: &[Shape]) -> Result<()> {
        for (input, shape) in network.inputs.iter().zip(shapes) {
            if shape.elements() == 0 {
                return Err(Error::tensor(&input.name, format!("shape {shape} holds no elements")));
            }
            let id = self.value(&input.name, shape.clone(), input.dtype, None);
            self.graph.inputs.push(id);
        }
        for (name, tensor) in &network.constants {
            self.value(name, tensor.shape().clone(), tensor.dtype(), Some(tensor.clone()));
        }
        Ok(())
    }

    fn value(&mut self, name: &'a str, shape: Shape, dtype: DType, constant: Option<Arc<Tensor>>) -> ValueId {
        self.graph.values.push(Value { name: name.to_string(), shape, dtype, constant });
        let id = self.graph.values.len() - 1;
        if !name.is_empty() {
            self.by_name.insert(name, id);
        }
        id
    }

    fn add(&mut self, def: &'a NodeDef, op: Arc<dyn Op>) -> Result<(), Reason> {
        let inputs: Vec<Option<ValueId>> =
            def.inputs.iter().map(|name| self.input(name)).collect::<Result<_, _>>()?;
        let infos: Vec<Option<Info>> = inputs.iter().map(|id| id.map(|id| self.graph.info(id))).collect();
        let types = op.infer(&infos)?;
        if let Some(values) = self.fold(op.as_ref(), &infos, &types)? {
            for (name, tensor) in def.outputs.iter().zip(values) {
                self.value(name, tensor.shape().clone(), tensor.dtype(), Some(Arc::new(tensor)));
            }
            return Ok(());
        }
        let outputs: Vec<ValueId> = def
            .outputs
            .iter()
            .zip(types)
            .map(|(name, ty)| self.value(name, ty.shape, ty.dtype, None))
            .collect();
        let (name, operator) = (def.name.clone(), def.operator.clone());
        self.graph.nodes.push(Node { name, operator, op, inputs, outputs });
        Ok(())
    }

    /// The value of this name; `None` for an optional input left out. A second output that its operator
    /// does not compute (a pool's indices, a dropout's mask) has no value, which is not the same.
    fn input(&self, name: &str) -> Result<Option<ValueId>, Reason> {
        match self.by_name.get(name) {
            None if !name.is_empty() => Err(Reason(format!("input '{name}' is an output not supported"))),
            found => Ok(found.copied()),
        }
    }

    fn fold(
        &mut self,
        op: &dyn Op,
        infos: &[Option<Info>],
        types: &[TensorType],
    ) -> Result<Option<Vec<Tensor>>, Reason> {
        if let Some(values) = op.fold(infos) {
            return Ok(Some(values));
        }
        if !infos.iter().flatten().all(|info| info.value.is_some()) {
            return Ok(None);
        }
        self.folded += types.iter().map(|t| t.shape.elements()).sum::<usize>();
        if self.folded > MAX_FOLDED_ELEMENTS {
            return Err(Reason(format!(
                "constants of more than {MAX_FOLDED_ELEMENTS} elements are computed"
            )));
        }
        if types.first().is_some_and(|t| op.multiply_adds(infos, &t.shape) > MAX_FOLDED_MULTIPLY_ADDS) {
            return Err(Reason("computes a constant at too great a cost; store its result instead".into()));
        }
        let tensors: Vec<Option<&Tensor>> =
            infos.iter().map(|i| i.as_ref().and_then(|i| i.value.as_deref())).collect();
        op.run(&tensors).map(Some)
    }

    fn finish(mut self, network: &Network) -> Result<Graph> {
        for output in &network.outputs {
            let id = self.by_name.get(output.name.as_str());
            let id =
                *id.ok_or_else(|| Error::Graph(format!("output '{}' is never computed", output.name)))?;
            let value = &self.graph.values[id];
            if value.shape.elements() == 0 {
                return Err(Error::tensor(&output.name, format!("shape {} holds no elements", value.shape)));
            }
            self.graph.outputs.push(id);
            self.graph.output_names.push(output.name.clone());
        }
        Ok(self.graph)
    }
}
