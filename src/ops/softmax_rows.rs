//! Softmax and its kin: what Softmax, LogSoftmax and Hardmax share.
//!
//! Up to opset 12 all dimensions from the axis on are one (axis 1 by default, negative ones since 11); since 13 only
//! the axis itself counts (the last by default).

use std::sync::Arc;

use super::case::{Case, CaseInput};
use super::kernel::Kernel;
use super::rearrange::expect_elements;
use super::rows::{
    BY_GROUP, BY_LANE, GRID, ROWS, Rows, expect_exact_indices, first_in, four, input_as_it_lies, strides_in,
};
use super::{Info, Op, Reason, TensorType, Tolerance, axis, expect_f32, required};
use crate::graph::attributes::AttributeReader;
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, size};
use crate::tensor::{DType, Shape, Tensor};

/// What becomes of a row. The number is the shader's `MODE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Soft = 0,
    Logarithm = 1,
    /// One for the first of the largest elements, zero for all others.
    Hard = 2,
}

/// A node of the family.
#[derive(Debug)]
pub struct SoftmaxRows {
    mode: Mode,
    axis: i64,
    flattens: bool,
}

impl SoftmaxRows {
    pub fn read(mode: Mode, attributes: &AttributeReader) -> Result<Arc<dyn Op>, Reason> {
        let flattens = attributes.opset < 13;
        let axis = attributes.int("axis", if flattens { 1 } else { -1 })?;
        Ok(Arc::new(SoftmaxRows { mode, axis, flattens }))
    }

    /// The dimensions of a row.
    fn axes(&self, shape: &Shape) -> Result<Vec<usize>, Reason> {
        let rank = shape.rank();
        // A scalar is a row of one; the flattening form may name the axis past the last.
        if rank == 0 || (self.flattens && self.axis == rank as i64) {
            return Ok(Vec::new());
        }
        let axis = axis(self.axis, rank)?;
        Ok(if self.flattens { (axis..rank).collect() } else { vec![axis] })
    }

    fn row(&self, row: &[f64]) -> Vec<f64> {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|v| (v - largest).exp()).sum();
        let first = row.iter().position(|&v| v == largest);
        let value = |(k, v): (usize, &f64)| match self.mode {
            Mode::Soft => (v - largest).exp() / sum,
            Mode::Logarithm => v - largest - sum.ln(),
            Mode::Hard => f64::from(first == Some(k)),
        };
        row.iter().enumerate().map(value).collect()
    }
}

impl Op for SoftmaxRows {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        expect_f32(x)?;
        expect_elements(&x.shape)?;
        let axes = self.axes(&x.shape)?;
        expect_exact_indices(axes.iter().map(|&d| x.shape[d]).product())?;
        Ok(vec![TensorType { shape: x.shape.clone(), dtype: DType::F32 }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let rows = Rows::of(x.shape(), [&x.shape().strides()], &self.axes(x.shape())?);
        let (data, steps) = (x.as_f32()?, rows.steps(0)?);
        let mut result = vec![0.0; data.len()];
        for first in rows.starts(0)? {
            let row: Vec<f64> = steps.iter().map(|step| f64::from(data[first + step])).collect();
            steps.iter().zip(self.row(&row)).for_each(|(step, v)| result[first + step] = v as f32);
        }
        Ok(vec![Tensor::from_f32(x.shape().to_vec(), result)?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let shape = node.input_shape(0)?;
        let (x, layout) = input_as_it_lies(node)?;
        let y = node.output(Layout::Plain)?;
        let strides = strides_in(&shape, layout, &x);
        let rows = Rows::of(&shape, [&strides, &shape.strides()], &self.axes(&shape)?);
        let kernel = rows.choose(node, &SOFTMAX_LANE, &SOFTMAX_GROUP, PASSES)?;
        let (kept_shape, [kept_x, kept_y]) = four(&rows.kept)?;
        let (gone_shape, [gone_x, gone_y]) = four(&rows.gone)?;
        let params = SoftmaxParams {
            kept_shape,
            kept_x,
            kept_y,
            gone_shape,
            gone_x,
            gone_y,
            rows: size(rows.count())?,
            length: size(rows.length())?,
            x_first: first_in(&x)?,
        };
        node.dispatch(Dispatch {
            kernel,
            constants: vec![("MODE", f64::from(self.mode as u32)), rows.constant()],
            inputs: vec![x],
            output: y,
            params,
            invocations: rows.invocations(kernel.name == SOFTMAX_GROUP.name),
            rounds: rows.rounds(kernel.name == SOFTMAX_GROUP.name, PASSES),
        })
    }

    fn is_softmax_of_rows(&self, inputs: &[Option<Info>]) -> bool {
        let Ok(x) = required(inputs, 0) else { return false };
        self.mode == Mode::Soft && x.shape.rank() == 2 && self.axes(&x.shape).is_ok_and(|axes| axes == [1])
    }

    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        let axes = required(inputs, 0).and_then(|x| Ok((x, self.axes(&x.shape)?)));
        let length = axes.map_or(1, |(x, axes)| axes.iter().map(|&d| x.shape[d]).product());
        match self.mode {
            // WebNN's 3n + 3 counts from exact exponentials, which it grants 32.
            Mode::Soft => Tolerance::Ulps(3.0 * length as f32 + 3.0 + 32.0),
            // As for ReduceLogSumExp: n + 3 + 3 log(n) for the sum, 2^-21 for its logarithm, and the differences.
            Mode::Logarithm => Tolerance::Products { terms: 2 * length + 16 },
            Mode::Hard => Tolerance::Exact,
        }
    }

    /// For the logarithm, whose errors are absolute: those of the sum, and of the differences.
    fn magnitudes(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let result = self.run(inputs)?.swap_remove(0);
        let data = result.as_f32()?.iter().map(|v| 1.0 + v.abs()).collect();
        Ok(vec![Tensor::from_f32(result.shape().to_vec(), data)?])
    }
}

/// Cases for any operator of the family.
pub fn cases(operator: &'static str) -> Vec<Case> {
    let case = |name: &str, shape: &[usize]| Case::new(operator, name).given(shape);
    let given = |data: &[f32]| {
        Tensor::from_f32([2, data.len() / 2], data.to_vec()).map_or(CaseInput::Absent, CaseInput::Given)
    };
    vec![
        case("one", &[1, 1]),
        case("logits", &[5, 4]),
        case("channels", &[2, 5, 3, 7]).int("axis", 1),
        case("first axis", &[5, 3]).int("axis", 0),
        case("flattened", &[2, 3, 5]).opset(11),
        case("flattened whole", &[2, 3]).opset(9).int("axis", 0),
        case("rows of 214", &[3, 214]),
        case("planes of 255", &[2, 255, 3]).int("axis", 1),
        Case::new(operator, "growing rows").growing(&[5, 37], 0.25),
        Case::new(operator, "large numbers").with(given(&[1e4, 1e4 - 1.0, -1e4, -1e4, -1e4, -1e4 - 2.0])),
        Case::new(operator, "ties").with(given(&[1.0, 3.0, 3.0, 0.0, 0.0, -2.0, 0.0, -1.0])),
        Case::new(operator, "all alike").with(given(&[-3.5; 260])),
    ]
}

/// Walks along a row: for the largest element, the sum, and to write it.
const PASSES: u64 = 3;

params! {
    struct SoftmaxParams {
        kept_shape: [u32; 4], kept_x: [u32; 4], kept_y: [u32; 4],
        gone_shape: [u32; 4], gone_x: [u32; 4], gone_y: [u32; 4],
        rows: u32, length: u32, x_first: u32,
    }
}

const SOFTMAX: &str = include_str!("../../shaders/softmax_f32.wgsl");

static SOFTMAX_LANE: Kernel = Kernel {
    name: "softmax_lane_f32",
    sources: &[GRID, ROWS, BY_LANE, SOFTMAX],
    params: SoftmaxParams::LAYOUT,
    subgroups: false,
};

static SOFTMAX_GROUP: Kernel = Kernel {
    name: "softmax_group_f32",
    sources: &[GRID, ROWS, BY_GROUP, SOFTMAX],
    params: SoftmaxParams::LAYOUT,
    subgroups: false,
};

/// The kernels of every operator of the family.
pub static SOFTMAX_KERNELS: &[&Kernel] = &[&SOFTMAX_LANE, &SOFTMAX_GROUP];
