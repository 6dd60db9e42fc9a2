//! Gather: elements along an axis by index. <https://onnx.ai/onnx/operators/onnx__Gather.html>
//!
//! Negative indices since opset 11; 13 differs only in element types. The indices must be known when the
//! network is loaded: a device cannot report one that is out of range.

use super::case::{Case, CaseInput};
use super::moved::{Move, Moved};
use super::resample::{RESAMPLE, RESAMPLE_VEC4, Resampling, Table};
use super::{Info, Operator, Reason, axis, known_ints, optional, required};
use crate::plan::lowering::{Layout, Lowering};
use crate::tensor::{Shape, Tensor};

pub static GATHER: Operator = Operator {
    name: "Gather",
    opsets: 6..=27,
    limits: "the indices must be constant",
    load: |attributes| Ok(Moved::of(Gather { axis: attributes.int("axis", 0)? })),
    kernels: &[&RESAMPLE, &RESAMPLE_VEC4],
    cases,
};

fn cases() -> Vec<Case> {
    let case = |name: &str, along: i64, x: &[usize]| Case::new("Gather", name).int("axis", along).given(x);
    let shaped = |shape: &[usize], indices: &[i64]| match Tensor::from_i64s(indices).reshaped(shape) {
        Ok(tensor) => CaseInput::Constant(tensor),
        Err(_) => CaseInput::Absent,
    };
    vec![
        case("rows", 0, &[5, 3]).integers(&[4, -5, 2, 2]),
        case("rows by four", 0, &[5, 8]).integers(&[4, -5, 2, 2]),
        case("last axis", -1, &[2, 3, 4]).integers(&[3, 0]),
        case("a scalar drops the axis", 1, &[2, 3, 4]).with(shaped(&[], &[-1])),
        case("indices of two dimensions", 1, &[2, 5, 3]).with(shaped(&[2, 2], &[0, 4, 1, -1])),
        case("pixel rows", 2, &[2, 5, 4, 3]).integers(&[3, 0, 0, 1, 2]),
        case("pixel columns", 3, &[1, 3, 4, 3]).integers(&[2]),
        case("channels", 1, &[1, 6, 2, 3]).integers(&[5, 4, 0]),
        case("vector", 0, &[1]).integers(&[0, 0, -1]),
        case("five dimensions", 3, &[2, 1, 3, 4, 2]).integers(&[1, 3]),
    ]
}

#[derive(Debug)]
struct Gather {
    axis: i64,
}

impl Gather {
    /// The indices counted from the front.
    fn indices(&self, x: &Shape, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let size = x[axis(self.axis, x.rank())?];
        let indices = known_ints(inputs, 1, "the list of indices")?.ok_or("the indices are missing")?;
        let outside = |i: i64| Reason(format!("index {i} is outside {x}"));
        indices.iter().map(|&i| axis(i, size).map_err(|_| outside(i))).collect()
    }
}

impl Move for Gather {
    fn shape(&self, x: &Shape, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let along = axis(self.axis, x.rank())?;
        self.indices(x, inputs)?;
        Ok([&x[..along], &required(inputs, 1)?.shape, &x[along + 1..]].concat())
    }

    fn sources(&self, x: &Shape, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let (along, indices) = (axis(self.axis, x.rank())?, self.indices(x, inputs)?);
        let inner: usize = x[along + 1..].iter().product();
        let outer: usize = x[..along].iter().product();
        let mut from = Vec::with_capacity(outer * indices.len() * inner);
        for o in 0..outer {
            for &i in &indices {
                let start = (o * x[along] + i) * inner;
                from.extend(start..start + inner);
            }
        }
        Ok(from)
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let (x, infos) = (node.input_shape(0)?, node.infos());
        let (along, indices) = (axis(self.axis, x.rank())?, self.indices(&x, &infos)?);
        let mut tables = vec![None; x.rank()];
        tables[along] = Some(Table::of_indices(x[along], indices.into_iter().map(Some))?);
        let resampling = Resampling::new(&x, tables);
        // Other than a list, the indices put other dimensions in the axis' place: the same bytes row-major.
        let is_list = optional(&infos, 1).is_some_and(|info| info.shape.rank() == 1);
        let layout = if is_list { resampling.layout(node, &RESAMPLE)? } else { Layout::Plain };
        resampling.emit(node, 0, layout)
    }
}
