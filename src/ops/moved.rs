//! Operators that only move elements of their first input, by inputs that are known when the network is loaded.

use std::fmt::Debug;
use std::sync::Arc;

use super::rearrange::{expect_elements, infos, pick};
use super::{Info, Op, Reason, TensorType, Tolerance, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{Shape, Tensor};

/// Where such an operator's elements come from.
pub trait Move: Debug + Send + Sync {
    /// The result's sizes; checked before anything of that size is allocated.
    fn shape(&self, x: &Shape, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason>;

    /// For every element of the result, row-major, the position of its source: the twin.
    fn sources(&self, x: &Shape, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason>;

    /// Emits the steps that do it on a GPU.
    fn lower(&self, node: &mut Lowering) -> Result<(), Reason>;

    /// Whether the result is the input's bytes under another shape.
    fn is_view(&self, _x: &Shape, _inputs: &[Option<Info>]) -> bool {
        false
    }
}

/// A node of such an operator.
#[derive(Debug)]
pub struct Moved<M>(pub M);

impl<M: Move + 'static> Moved<M> {
    pub fn of(movement: M) -> Arc<dyn Op> {
        Arc::new(Moved(movement))
    }
}

impl<M: Move> Op for Moved<M> {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        let result = TensorType::new(self.0.shape(&x.shape, inputs)?, x.dtype)?;
        // Shape arithmetic may well come out empty; what a device computes may not.
        if x.value.is_none() {
            expect_elements(&result.shape)?;
        }
        Ok(vec![result])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let infos = infos(inputs);
        let shape = self.0.shape(x.shape(), &infos)?;
        let sources = self.0.sources(x.shape(), &infos)?;
        Ok(vec![Tensor::new(shape, pick(x.data(), &sources))?])
    }

    fn is_view(&self, inputs: &[Option<Info>]) -> bool {
        required(inputs, 0).is_ok_and(|x| self.0.is_view(&x.shape, inputs))
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        self.0.lower(node)
    }

    fn known_inputs(&self) -> std::ops::Range<usize> {
        1..usize::MAX
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}
