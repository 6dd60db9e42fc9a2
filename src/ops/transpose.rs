//! Transpose: reorders dimensions. <https://onnx.ai/onnx/operators/onnx__Transpose.html>
//!
//! The opsets differ only in element types. Moving only dimensions of size 1 costs no step.

use std::sync::Arc;

use super::axes;
use super::broadcast::positions;
use super::case::Case;
use super::rearrange::{COPY_STRIDED, Copy, pick};
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, required};
use crate::plan::lowering::{Layout, Lowering};
use crate::tensor::{Shape, Tensor};

pub static TRANSPOSE: Operator = Operator {
    name: "Transpose",
    opsets: 6..=27,
    limits: "",
    load: |attributes| Ok(Arc::new(Transpose { order: attributes.ints("perm")? })),
    kernels: &[&COPY_STRIDED],
    cases: || {
        let case = |name: &str, shape: &[usize]| Case::new("Transpose", name).given(shape);
        vec![
            case("reversed", &[2, 3, 4]),
            case("to channels-last", &[2, 3, 5, 7]).ints("perm", &[0, 2, 3, 1]),
            case("only ones move", &[1, 3, 1, 7]).ints("perm", &[2, 1, 0, 3]),
            case("scalar", &[]),
            case("one", &[1, 1]),
            case("five dimensions", &[2, 3, 1, 4, 5]).ints("perm", &[4, 1, 2, 0, 3]),
            case("eight dimensions", &[2, 3, 2, 4, 2, 3, 2, 2]),
            case("pairs of dimensions", &[2, 3, 2, 3, 2, 2, 1, 2, 3])
                .ints("perm", &[4, 5, 6, 7, 8, 0, 1, 2, 3]),
        ]
    },
};

#[derive(Debug)]
struct Transpose {
    order: Option<Vec<i64>>,
}

impl Transpose {
    fn order(&self, rank: usize) -> Result<Vec<usize>, Reason> {
        let Some(stated) = &self.order else { return Ok((0..rank).rev().collect()) };
        if stated.len() != rank {
            return Err(Reason(format!("perm {stated:?} does not fit a tensor of rank {rank}")));
        }
        axes::resolve(stated, rank)
    }

    /// The result's shape, and the input's strides along its dimensions.
    fn resolve(&self, shape: &Shape) -> Result<(Vec<usize>, Vec<usize>), Reason> {
        let (order, strides) = (self.order(shape.rank())?, shape.strides());
        Ok((order.iter().map(|&d| shape[d]).collect(), order.iter().map(|&d| strides[d]).collect()))
    }
}

impl Op for Transpose {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        Ok(vec![TensorType::new(self.resolve(&x.shape)?.0, x.dtype)?])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let (shape, strides) = self.resolve(x.shape())?;
        let shape = Shape::new(shape)?;
        let data = pick(x.data(), &positions(&shape, &strides));
        Ok(vec![Tensor::new(shape.to_vec(), data)?])
    }

    fn is_view(&self, inputs: &[Option<Info>]) -> bool {
        let Ok(x) = required(inputs, 0) else { return false };
        let Ok(order) = self.order(x.shape.rank()) else { return false };
        order.iter().filter(|&&d| x.shape[d] != 1).is_sorted()
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let (shape, strides) = self.resolve(&node.input_shape(0)?)?;
        let (from, to) = (node.input(0, Layout::Plain)?, node.output(Layout::Plain)?);
        let strides = strides.into_iter().map(|stride| stride as i64).collect();
        Copy::all(&shape, strides).emit(node, from, to)
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}
