//! GlobalAveragePool: the mean over all spatial dimensions.
//! <https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html>
//!
//! Opset 22 differs only in element types.

use std::sync::Arc;

use super::case::Case;
use super::mean::{self, MEAN_PIXELS, MEAN_STRIDED, reduced_shape};
use super::rearrange::expect_elements;
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, expect_f32, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{DType, Shape, Tensor};

pub static GLOBAL_AVERAGE_POOL: Operator = Operator {
    name: "GlobalAveragePool",
    opsets: 6..=25,
    limits: "",
    load: |_| Ok(Arc::new(GlobalAveragePool)),
    kernels: &[&MEAN_PIXELS, &MEAN_STRIDED],
    cases: || {
        let case = |name: &str, shape: &[usize]| Case::new("GlobalAveragePool", name).given(shape);
        vec![
            case("one", &[1, 1, 1, 1]),
            case("odd", &[2, 5, 7, 9]),
            case("line", &[3, 4, 65]),
            case("volume", &[1, 3, 2, 3, 4]),
            case("large", &[1, 8, 41, 53]),
        ]
    },
};

#[derive(Debug)]
struct GlobalAveragePool;

fn axes(shape: &Shape) -> Vec<usize> {
    (2..shape.rank()).collect()
}

impl Op for GlobalAveragePool {
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
        Ok(vec![mean::mean(inputs, &axes(required(inputs, 0)?.shape()), true)?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let axes = axes(&node.input_shape(0)?);
        mean::lower(node, &axes)
    }

    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        let pixels = required(inputs, 0).map_or(0, |x| mean::terms(&x.shape, &axes(&x.shape)));
        Tolerance::Products { terms: pixels + 2 }
    }
}
