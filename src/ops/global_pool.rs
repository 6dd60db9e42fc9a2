//! Reductions over all spatial dimensions: what the global pools share.

use std::sync::Arc;

use super::case::Case;
use super::rearrange::expect_elements;
use super::reduce::{self, Reduction, reduced_shape, terms};
use super::{Info, Op, Reason, TensorType, Tolerance, expect_f32, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{DType, Shape, Tensor};

/// A global pool.
#[derive(Debug)]
pub struct GlobalPool(Reduction);

impl GlobalPool {
    pub fn of(reduction: Reduction) -> Arc<dyn Op> {
        Arc::new(GlobalPool(reduction))
    }
}

fn axes(shape: &Shape) -> Vec<usize> {
    (2..shape.rank()).collect()
}

impl Op for GlobalPool {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        expect_f32(x)?;
        expect_elements(&x.shape)?;
        if x.shape.rank() < 3 {
            return Err(Reason(format!("input {} has no spatial dimensions", x.shape)));
        }
        Ok(vec![TensorType::new(reduced_shape(&x.shape, &axes(&x.shape), true), DType::F32)?])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        Ok(vec![reduce::run(self.0, inputs, &axes(required(inputs, 0)?.shape()), true)?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let axes = axes(&node.input_shape(0)?);
        reduce::lower(self.0, node, &axes)
    }

    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        let pixels = required(inputs, 0).map_or(1, |x| terms(&x.shape, &axes(&x.shape)));
        reduce::tolerance(self.0, pixels)
    }

    fn magnitudes(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        Ok(vec![reduce::magnitudes(self.0, inputs, &axes(required(inputs, 0)?.shape()), true)?])
    }
}

/// Cases for any global pool.
pub fn cases(operator: &'static str) -> Vec<Case> {
    let case = |name: &str, shape: &[usize]| Case::new(operator, name).given(shape);
    vec![
        case("one", &[1, 1, 1, 1]),
        case("odd", &[2, 5, 7, 9]),
        case("line", &[3, 4, 65]),
        case("volume", &[1, 3, 2, 3, 4]),
        Case::new(operator, "growing").growing(&[3, 5, 3, 7], 0.25),
        case("large", &[1, 8, 41, 53]),
    ]
}
