//! The index of an extreme element along an axis: what ArgMax and ArgMin share.

use std::sync::Arc;

use super::case::{Case, CaseInput};
use super::kernel::Kernel;
use super::rearrange::expect_elements;
use super::reduce::{by_row, reduced_shape};
use super::rows::{
    BY_GROUP, BY_LANE, GRID, ROWS, Rows, expect_exact_indices, first_in, four, input_as_it_lies, strides_in,
};
use super::{Info, Op, Reason, TensorType, Tolerance, axis, expect_f32, required};
use crate::graph::attributes::AttributeReader;
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, size};
use crate::tensor::{DType, Data, Tensor};

/// The support table's words for both.
pub const LIMITS: &str = "at most 2^24 elements along the axis";

/// A node of the family.
#[derive(Debug)]
pub struct ArgExtremum {
    smallest: bool,
    axis: i64,
    keep_dims: bool,
    last: bool,
}

impl ArgExtremum {
    pub fn read(attributes: &AttributeReader, smallest: bool) -> Result<Arc<dyn Op>, Reason> {
        Ok(Arc::new(ArgExtremum {
            smallest,
            axis: attributes.int("axis", 0)?,
            keep_dims: attributes.flag("keepdims", true)?,
            last: attributes.opset >= 12 && attributes.flag("select_last_index", false)?,
        }))
    }

    fn index(&self, row: &[f32]) -> i64 {
        let mut best = 0;
        for (k, &v) in row.iter().enumerate() {
            let is_better = if self.smallest { v < row[best] } else { v > row[best] };
            if is_better || (self.last && v == row[best]) {
                best = k;
            }
        }
        best as i64
    }
}

impl Op for ArgExtremum {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        expect_f32(x)?;
        expect_elements(&x.shape)?;
        let axis = axis(self.axis, x.shape.rank())?;
        expect_exact_indices(x.shape[axis])?;
        Ok(vec![TensorType::new(reduced_shape(&x.shape, &[axis], self.keep_dims), DType::I64)?])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let axis = axis(self.axis, x.shape().rank())?;
        let indices = by_row(x.shape(), &[axis], x.as_f32()?, |row| self.index(row))?;
        Ok(vec![Tensor::new(reduced_shape(x.shape(), &[axis], self.keep_dims), Data::I64(indices))?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let shape = node.input_shape(0)?;
        let (x, layout) = input_as_it_lies(node)?;
        let y = node.output(Layout::Plain)?;
        let rows = Rows::of(&shape, [&strides_in(&shape, layout, &x)], &[axis(self.axis, shape.rank())?]);
        let kernel = rows.choose(node, &ARG_LANE, &ARG_GROUP, 1)?;
        let (kept_shape, [kept_strides]) = four(&rows.kept)?;
        let (gone_shape, [gone_strides]) = four(&rows.gone)?;
        let params = ArgParams {
            kept_shape,
            kept_strides,
            gone_shape,
            gone_strides,
            rows: size(rows.count())?,
            length: size(rows.length())?,
            x_first: first_in(&x)?,
        };
        let constants = vec![
            ("SMALLEST_WINS", f64::from(self.smallest)),
            ("LAST_WINS", f64::from(self.last)),
            rows.constant(),
        ];
        let by_group = kernel.name == ARG_GROUP.name;
        let (invocations, rounds) = (rows.invocations(by_group), rows.rounds(by_group, 1));
        let inputs = vec![x];
        node.dispatch(Dispatch { kernel, constants, inputs, output: y, params, invocations, rounds })
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}

/// Cases for either operator.
pub fn cases(operator: &'static str) -> Vec<Case> {
    let case = |name: &str, shape: &[usize]| Case::new(operator, name).given(shape);
    let ties: Vec<f32> = (0..2 * 130).map(|i| [2.0, -1.0, 0.5, -1.0, 2.0][i % 5]).collect();
    let ties = || Tensor::from_f32([2, 130], ties.clone()).map_or(CaseInput::Absent, CaseInput::Given);
    vec![
        case("one", &[1, 1]),
        case("first axis", &[5, 3]),
        case("channels", &[2, 21, 3, 7]).int("axis", 1),
        case("channels dropped", &[2, 5, 3, 7]).int("axis", -3).int("keepdims", 0),
        case("line dropped", &[9]).int("keepdims", 0),
        case("rows of 214", &[3, 214]).int("axis", 1),
        case("planes of 255", &[2, 255, 3]).int("axis", 1).int("select_last_index", 1),
        Case::new(operator, "growing rows").growing(&[5, 37], 0.25).int("axis", 1),
        Case::new(operator, "falling rows").growing(&[5, 37], -0.25).int("axis", 1),
        Case::new(operator, "first of equals").with(ties()).int("axis", -1),
        Case::new(operator, "last of equals").with(ties()).int("axis", -1).int("select_last_index", 1),
    ]
}

params! {
    struct ArgParams {
        kept_shape: [u32; 4], kept_strides: [u32; 4], gone_shape: [u32; 4], gone_strides: [u32; 4],
        rows: u32, length: u32, x_first: u32,
    }
}

const ARG_ROWS: &str = include_str!("../../shaders/arg_rows_f32.wgsl");

static ARG_LANE: Kernel = Kernel {
    name: "arg_lane_f32",
    sources: &[GRID, ROWS, BY_LANE, ARG_ROWS],
    params: ArgParams::LAYOUT,
    subgroups: false,
};

static ARG_GROUP: Kernel = Kernel {
    name: "arg_group_f32",
    sources: &[GRID, ROWS, BY_GROUP, ARG_ROWS],
    params: ArgParams::LAYOUT,
    subgroups: false,
};

/// The kernels of both operators.
pub static ARG_KERNELS: &[&Kernel] = &[&ARG_LANE, &ARG_GROUP];
