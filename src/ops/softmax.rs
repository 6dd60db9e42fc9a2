//! Softmax: `y = exp(x - max(x)) / sum(exp(x - max(x)))` along an axis.
//! <https://onnx.ai/onnx/operators/onnx__Softmax.html>
//!
//! Up to opset 12 all dimensions from the axis on are one (axis 1 by default, negative ones since 11); since 13 only
//! the axis itself counts (the last by default).

use std::sync::Arc;

use super::case::{Case, CaseInput};
use super::kernel::Kernel;
use super::rearrange::expect_elements;
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, axis, expect_f32, required};
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, size};
use crate::tensor::{DType, Shape, Tensor};

pub static SOFTMAX: Operator = Operator {
    name: "Softmax",
    opsets: 6..=25,
    limits: "",
    load: |attributes| {
        let flattens = attributes.opset < 13;
        let axis = attributes.int("axis", if flattens { 1 } else { -1 })?;
        Ok(Arc::new(Softmax { axis, flattens }))
    },
    kernels: &[&SOFTMAX_ROWS],
    cases: || {
        let case = |name: &str, shape: &[usize]| Case::new("Softmax", name).given(shape);
        let far = Tensor::from_f32([2, 3], vec![1e4, 1e4 - 1.0, -1e4, -1e4, -1e4, -1e4 - 2.0]);
        let far = far.map_or(CaseInput::Absent, CaseInput::Given);
        vec![
            case("one", &[1, 1]),
            case("logits", &[5, 4]),
            case("channels", &[2, 5, 3, 7]).int("axis", 1),
            case("first axis", &[5, 3]).int("axis", 0),
            case("flattened", &[2, 3, 5]).opset(11),
            case("flattened whole", &[2, 3]).opset(9).int("axis", 0),
            Case::new("Softmax", "large numbers").with(far),
        ]
    },
};

#[derive(Debug)]
struct Softmax {
    axis: i64,
    flattens: bool,
}

impl Softmax {
    /// Length of a row, and the distance between its elements.
    fn rows(&self, shape: &Shape) -> Result<(usize, usize), Reason> {
        let rank = shape.rank();
        // A scalar is a row of one; the flattening form may name the axis past the last.
        if rank == 0 || (self.flattens && self.axis == rank as i64) {
            return Ok((1, 1));
        }
        let axis = axis(self.axis, rank)?;
        let inner = shape[axis + 1..].iter().product();
        Ok(if self.flattens { (shape[axis] * inner, 1) } else { (shape[axis], inner) })
    }
}

impl Op for Softmax {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        expect_f32(x)?;
        expect_elements(&x.shape)?;
        self.rows(&x.shape)?;
        Ok(vec![TensorType { shape: x.shape.clone(), dtype: DType::F32 }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let (length, stride) = self.rows(x.shape())?;
        let data = x.as_f32()?;
        let mut result = vec![0.0; data.len()];
        for row in 0..data.len() / length {
            let first = row / stride * stride * length + row % stride;
            let positions = || (0..length).map(|k| first + k * stride);
            let largest = positions().map(|i| f64::from(data[i])).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = positions().map(|i| (f64::from(data[i]) - largest).exp()).sum();
            positions().for_each(|i| result[i] = ((f64::from(data[i]) - largest).exp() / sum) as f32);
        }
        Ok(vec![Tensor::from_f32(x.shape().to_vec(), result)?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let shape = node.input_shape(0)?;
        let (length, stride) = self.rows(&shape)?;
        let rows = shape.elements() / length;
        let (x, y) = (node.input(0, Layout::Plain)?, node.output(Layout::Plain)?);
        let params = SoftmaxParams { rows: size(rows)?, length: size(length)?, stride: size(stride)? };
        node.dispatch(Dispatch {
            kernel: &SOFTMAX_ROWS,
            constants: vec![],
            inputs: vec![x],
            output: y,
            params,
            invocations: rows as u64,
        })
    }

    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        let length = required(inputs, 0).and_then(|x| self.rows(&x.shape)).map_or(1, |rows| rows.0);
        // WebNN's 3n + 3 counts from exact exponentials, which it grants 32.
        Tolerance::Ulps(3.0 * length as f32 + 3.0 + 32.0)
    }
}

params! {
    struct SoftmaxParams { rows: u32, length: u32, stride: u32 }
}

static SOFTMAX_ROWS: Kernel = Kernel {
    name: "softmax_f32",
    sources: &[include_str!("../../shaders/grid.wgsl"), include_str!("../../shaders/softmax_f32.wgsl")],
    params: SoftmaxParams::LAYOUT,
    subgroups: false,
};
