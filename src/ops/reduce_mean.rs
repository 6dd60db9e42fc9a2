//! ReduceMean: the mean over some dimensions. <https://onnx.ai/onnx/operators/onnx__ReduceMean.html>
//!
//! Negative axes since opset 11. The axes are an attribute up to opset 17; since 18 they are an input, and
//! `noop_with_empty_axes` says what their absence means: nothing instead of all.

use std::sync::Arc;

use super::axes::{self, Axes};
use super::case::Case;
use super::mean::{self, MEAN_PIXELS, MEAN_STRIDED, reduced_shape};
use super::rearrange::{expect_elements, infos};
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, expect_f32, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{DType, Tensor};

pub static REDUCE_MEAN: Operator = Operator {
    name: "ReduceMean",
    opsets: 6..=25,
    limits: "axes must be constant",
    load: |attributes| {
        let noop = attributes.opset >= 18 && attributes.flag("noop_with_empty_axes", false)?;
        let axes = axes::read(attributes, 18)?;
        Ok(Arc::new(ReduceMean { axes, keep_dims: attributes.flag("keepdims", true)?, noop }))
    },
    kernels: &[&MEAN_PIXELS, &MEAN_STRIDED],
    cases: || {
        let case = |name: &str, shape: &[usize]| Case::new("ReduceMean", name).given(shape);
        vec![
            case("all", &[2, 3, 5]),
            case("pixels", &[2, 5, 4, 7]).ints("axes", &[2, 3]),
            case("pixels dropped", &[2, 6, 4, 7]).ints("axes", &[-1, -2]).int("keepdims", 0),
            case("channels", &[2, 5, 4, 7]).ints("axes", &[1]),
            case("rows and samples", &[2, 5, 4, 7]).ints("axes", &[0, 2]).int("keepdims", 0),
            case("axes input", &[2, 5, 3]).opset(18).integers(&[-1]),
            case("no axes, no reduction", &[2, 5]).opset(18).int("noop_with_empty_axes", 1),
            case("everything dropped", &[3, 5]).int("keepdims", 0),
        ]
    },
};

#[derive(Debug)]
struct ReduceMean {
    axes: Axes,
    keep_dims: bool,
    noop: bool,
}

impl ReduceMean {
    /// The axes to sum over, sorted; `None` where nothing is to be done.
    fn axes(&self, inputs: &[Option<Info>]) -> Result<Option<Vec<usize>>, Reason> {
        let rank = required(inputs, 0)?.shape.rank();
        match self.axes.known(inputs)? {
            Some(axes) if !axes.is_empty() => {
                let mut axes = axes::resolve(&axes, rank)?;
                axes.sort_unstable();
                Ok(Some(axes))
            }
            _ if self.noop => Ok(None),
            _ => Ok(Some((0..rank).collect())),
        }
    }
}

impl Op for ReduceMean {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        expect_f32(x)?;
        expect_elements(&x.shape)?;
        let shape = match self.axes(inputs)? {
            Some(axes) => reduced_shape(&x.shape, &axes, self.keep_dims),
            None => x.shape.to_vec(),
        };
        Ok(vec![TensorType::new(shape, DType::F32)?])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        match self.axes(&infos(inputs))? {
            Some(axes) => Ok(vec![mean::mean(inputs, &axes, self.keep_dims)?]),
            None => Ok(vec![(*required(inputs, 0)?).clone()]),
        }
    }

    fn is_view(&self, inputs: &[Option<Info>]) -> bool {
        matches!(self.axes(inputs), Ok(None))
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let axes = self.axes(&node.infos())?.ok_or("a mean over no axes needs no step")?;
        mean::lower(node, &axes)
    }

    fn known_inputs(&self) -> std::ops::Range<usize> {
        1..2
    }

    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        match (required(inputs, 0), self.axes(inputs)) {
            (Ok(x), Ok(Some(axes))) => Tolerance::Products { terms: mean::terms(&x.shape, &axes) + 2 },
            _ => Tolerance::Exact,
        }
    }
}
