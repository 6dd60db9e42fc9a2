//! Operators that only change a tensor's shape: the same bytes, row-major, so they cost no step.

use std::fmt::Debug;
use std::sync::Arc;

use super::rearrange::infos;
use super::{Info, Op, Reason, TensorType, Tolerance, required};
use crate::plan::lowering::Lowering;
use crate::tensor::Tensor;

/// How an operator finds the new shape.
pub trait Reshaping: Debug + Send + Sync {
    fn shape(&self, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason>;
}

/// A node that gives its first input another shape.
#[derive(Debug)]
pub struct View<R>(pub R);

impl<R: Reshaping + 'static> View<R> {
    pub fn of(reshaping: R) -> Arc<dyn Op> {
        Arc::new(View(reshaping))
    }
}

impl<R: Reshaping> Op for View<R> {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        let ty = TensorType::new(self.0.shape(inputs)?, x.dtype)?;
        if ty.shape.elements() != x.shape.elements() {
            return Err(Reason(format!("shape {} does not hold the elements of {}", ty.shape, x.shape)));
        }
        Ok(vec![ty])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let shape = self.0.shape(&infos(inputs))?;
        Ok(vec![(*required(inputs, 0)?).clone().reshaped(shape)?])
    }

    fn is_view(&self, _inputs: &[Option<Info>]) -> bool {
        true
    }

    fn lower(&self, _node: &mut Lowering) -> Result<(), Reason> {
        Err("a view needs no step".into())
    }

    fn known_inputs(&self) -> std::ops::Range<usize> {
        1..usize::MAX
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}
