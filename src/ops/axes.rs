//! Lists of axes, which ONNX moved from attributes to inputs.

use super::{Info, Reason, axis, known_ints};
use crate::graph::attributes::AttributeReader;

/// A file can state any number of axes; what follows is quadratic in it.
const MAX_RANK: usize = 64;

/// Where a node states its axes.
#[derive(Debug)]
pub enum Axes {
    Attribute(Option<Vec<i64>>),
    /// The second input.
    Input,
}

/// Reads the attribute, or the fact that since operator set `moved` there is none.
pub fn read(attributes: &AttributeReader, moved: i64) -> Result<Axes, Reason> {
    if attributes.opset >= moved { Ok(Axes::Input) } else { Ok(Axes::Attribute(attributes.ints("axes")?)) }
}

impl Axes {
    /// The axes as stated, or `None` where the node leaves them out.
    pub fn known(&self, inputs: &[Option<Info>]) -> Result<Option<Vec<i64>>, Reason> {
        match self {
            Axes::Attribute(axes) => Ok(axes.clone()),
            Axes::Input => known_ints(inputs, 1, "the list of axes"),
        }
    }
}

/// The axes counted from the front, none twice.
pub fn resolve(axes: &[i64], rank: usize) -> Result<Vec<usize>, Reason> {
    if axes.len() > rank || rank > MAX_RANK {
        return Err(Reason(format!("{} axes for a tensor of rank {rank}", axes.len())));
    }
    let resolved: Vec<usize> = axes.iter().map(|&a| axis(a, rank)).collect::<Result<_, _>>()?;
    let twice = resolved.iter().enumerate().any(|(i, a)| resolved[..i].contains(a));
    if twice { Err(Reason(format!("an axis is stated twice in {axes:?}"))) } else { Ok(resolved) }
}
