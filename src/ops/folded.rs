//! Operators that serve shape arithmetic: computed on the host when a network is loaded, never on a device.

use std::fmt::Debug;
use std::sync::Arc;

use super::broadcast::broadcast;
use super::{Info, Op, Reason, TensorType, Tolerance, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{DType, Data, Shape, Tensor};

/// The inputs of a folded node.
pub type Inputs<'a> = [Option<&'a Tensor>];

/// What such an operator computes.
pub trait Folding: Debug + Send + Sync {
    /// Type and shape of the result; checked for size before [`Folding::compute`] allocates it.
    fn infer(&self, inputs: &Inputs) -> Result<TensorType, Reason>;

    fn compute(&self, inputs: &Inputs) -> Result<Tensor, Reason>;
}

/// A node that is computed at load.
#[derive(Debug)]
pub struct Folded<F>(pub F);

impl<F: Folding + 'static> Folded<F> {
    pub fn of(folding: F) -> Arc<dyn Op> {
        Arc::new(Folded(folding))
    }
}

/// The support table's words for all of them.
pub const LIMITS: &str = "only on values known at load";

impl<F: Folding> Op for Folded<F> {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        if inputs.iter().flatten().any(|info| info.value.is_none()) {
            return Err("supported only on values known at load, not on what the network computes".into());
        }
        let tensors: Vec<Option<&Tensor>> =
            inputs.iter().map(|i| i.as_ref().and_then(|i| i.value.as_deref())).collect();
        Ok(vec![self.0.infer(&tensors)?])
    }

    fn run(&self, inputs: &Inputs) -> Result<Vec<Tensor>, Reason> {
        self.0.infer(inputs)?;
        Ok(vec![self.0.compute(inputs)?])
    }

    fn lower(&self, _node: &mut Lowering) -> Result<(), Reason> {
        Err(Reason(LIMITS.into()))
    }

    fn known_inputs(&self) -> std::ops::Range<usize> {
        0..usize::MAX
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}

/// The tensor at a position, which the operator cannot do without.
pub fn tensor<'a>(inputs: &Inputs<'a>, position: usize) -> Result<&'a Tensor, Reason> {
    required(inputs, position).copied()
}

/// Integers at a position.
pub fn ints(inputs: &Inputs, position: usize) -> Result<Vec<i64>, Reason> {
    Ok(tensor(inputs, position)?.to_i64s()?)
}

/// Sizes at a position, none negative.
pub fn sizes(inputs: &Inputs, position: usize) -> Result<Vec<usize>, Reason> {
    let values = ints(inputs, position)?;
    let sizes: Option<Vec<usize>> = values.iter().map(|&v| usize::try_from(v).ok()).collect();
    sizes.ok_or_else(|| Reason(format!("{values:?} is not a shape")))
}

/// The shape that all inputs are repeated to; they must be of one type.
pub fn common_type(inputs: &[&Tensor]) -> Result<TensorType, Reason> {
    let first = inputs.first().ok_or("it has no inputs")?;
    let mut shape = first.shape().clone();
    for input in inputs {
        if input.dtype() != first.dtype() {
            return Err(Reason(format!("element types differ: {} and {}", first.dtype(), input.dtype())));
        }
        shape = broadcast(&shape, input.shape())?;
    }
    Ok(TensorType { shape, dtype: first.dtype() })
}

/// Integers as a tensor of one of the integer types.
pub fn from_ints(shape: &Shape, values: Vec<i64>, dtype: DType) -> Result<Tensor, Reason> {
    let data = match dtype {
        DType::I64 => Data::I64(values),
        DType::I32 => {
            let narrow: Option<Vec<i32>> = values.iter().map(|&v| i32::try_from(v).ok()).collect();
            Data::I32(narrow.ok_or("a result does not fit i32")?)
        }
        other => return Err(Reason(format!("element type {other} is not supported here"))),
    };
    Ok(Tensor::new(shape.to_vec(), data)?)
}
