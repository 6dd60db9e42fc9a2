//! Resize: samples a tensor anew, `y[..] = sum over neighbours k of f(x_original - k) * x[k]` along every
//! dimension, with `x_original` the output's position in the input. <https://onnx.ai/onnx/operators/onnx__Resize.html>
//!
//! Opset 11 brought `roi`, `sizes` and most attributes; 13 dropped the mode tf_half_pixel_for_nn; 18 brought
//! `antialias`, `axes` and `keep_aspect_ratio_policy`, 19 half_pixel_symmetric. Before 11 positions are
//! asymmetric, and the nearest neighbour is the next lower one, or the next higher one where a dimension shrinks
//! (as ONNX Runtime reads it). Scales, sizes and roi must be known when the network is loaded.
//!
//! Where the specification is open: a size is `floor(size * scale)` in f32, as ONNX infers it, and with
//! `align_corners` the length that scales lead to may be a fraction, as in ONNX's own test data.

mod axis;
mod cases;
mod sampling;
mod stated;
mod tables;
mod twin;

use std::sync::Arc;

use self::axis::Axis;
use self::sampling::{Filter, Sampling};
use self::stated::Stated;
use super::rearrange::{expect_elements, infos};
use super::resample::{RESAMPLE, RESAMPLE_VEC4, Resampling, Table, check_axis};
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, expect_f32, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{DType, Tensor};

pub static RESIZE: Operator = Operator {
    name: "Resize",
    opsets: 10..=27,
    limits: "scales, sizes and roi must be constant",
    load: |attributes| {
        let sampling = Sampling::read(attributes)?;
        Ok(Arc::new(Resize { sampling, stated: Stated::read(attributes)? }))
    },
    kernels: &[&RESAMPLE, &RESAMPLE_VEC4],
    cases: cases::resize,
};

/// Upsample, which opset 10 replaced by Resize: the nearest lower neighbour, or linear between neighbours.
/// <https://onnx.ai/onnx/operators/onnx__Upsample.html>
///
/// Opset 9 turned the attribute `scales` into an input.
pub static UPSAMPLE: Operator = Operator {
    name: "Upsample",
    opsets: 7..=9,
    limits: "scales must be constant",
    load: |attributes| {
        let sampling = Sampling::before_11(attributes)?;
        let stated = match attributes.opset {
            9.. => Stated::scales_input(),
            _ => Stated::Scales(attributes.floats("scales")?.ok_or("attribute scales is missing")?),
        };
        Ok(Arc::new(Resize { sampling, stated }))
    },
    kernels: &[&RESAMPLE, &RESAMPLE_VEC4],
    cases: cases::upsample,
};

#[derive(Debug)]
struct Resize {
    sampling: Sampling,
    stated: Stated,
}

impl Resize {
    /// How every dimension is resized; `None` where it stays as it is.
    fn axes(&self, inputs: &[Option<Info>]) -> Result<Vec<Option<Axis>>, Reason> {
        let x = required(inputs, 0)?;
        expect_elements(&x.shape)?;
        let axes = self.stated.axes(&x.shape, inputs, self.sampling.crops())?;
        let changing =
            |axis: Axis| if self.sampling.keeps(&axis) { Ok(None) } else { self.check(axis).map(Some) };
        axes.into_iter().map(changing).collect()
    }

    /// Refuses what a file can state but no table can hold.
    fn check(&self, axis: Axis) -> Result<Axis, Reason> {
        check_axis(axis.input)?;
        check_axis(axis.output)?;
        // A size that follows from its scale leaves a filter no wider than this; other scales have no sense.
        let widest = 8.0 * axis.input as f64 + 16.0;
        if self.sampling.reach(&axis) <= widest {
            return Ok(axis);
        }
        Err(Reason(format!("size {} does not fit a scale of {:e}", axis.output, axis.scale())))
    }

    fn tables(&self, inputs: &[Option<Info>]) -> Result<Vec<Option<Table>>, Reason> {
        let axes = self.axes(inputs)?;
        let table = |axis: &Axis| tables::table(&self.sampling, axis);
        let tables: Vec<Option<Table>> =
            axes.iter().map(|axis| axis.as_ref().map(table).transpose()).collect::<Result<_, _>>()?;
        Ok(tables.into_iter().map(|table| table.filter(|t| !t.is_identity())).collect())
    }
}

impl Op for Resize {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        expect_f32(x)?;
        let axes = self.axes(inputs)?;
        let sizes = axes.iter().zip(&*x.shape).map(|(axis, &size)| axis.map_or(size, |a| a.output));
        let result = TensorType::new(sizes.collect::<Vec<_>>(), DType::F32)?;
        expect_elements(&result.shape)?;
        Ok(vec![result])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let axes = self.axes(&infos(inputs))?;
        Ok(vec![twin::resize(&self.sampling, required(inputs, 0)?, &axes, |weight| weight)?])
    }

    /// Cubic weights may be negative, so what may cancel is the sum over absolute weights.
    fn magnitudes(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let axes = self.axes(&infos(inputs))?;
        let absolute = required(inputs, 0)?.absolute();
        Ok(vec![twin::resize(&self.sampling, &absolute, &axes, f64::abs)?])
    }

    fn is_view(&self, inputs: &[Option<Info>]) -> bool {
        self.tables(inputs).is_ok_and(|tables| tables.iter().all(Option::is_none))
    }

    fn as_enlargement(&self, inputs: &[Option<Info>]) -> Option<[usize; 2]> {
        let x = &required(inputs, 0).ok()?.shape;
        let nearest = matches!(self.sampling.filter, Filter::Nearest(_)) && x.rank() == 4;
        let tables = if nearest { self.tables(inputs).ok()? } else { return None };
        let [None, None, rows, columns] = tables.as_slice() else { return None };
        let times = |table: &Option<Table>| table.as_ref().map_or(Some(1), Table::repeats);
        Some([times(rows)?, times(columns)?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let shape = node.input_shape(0)?;
        let fill = self.sampling.extrapolation;
        let resampling = Resampling { fill, ..Resampling::new(&shape, self.tables(&node.infos())?) };
        let layout = resampling.layout(node, &RESAMPLE)?;
        resampling.emit(node, 0, layout)
    }

    fn known_inputs(&self) -> std::ops::Range<usize> {
        1..4
    }

    /// Nearest neighbours are only moved. Else every step sums one product a tap, with weights rounded to f32,
    /// and rounds its result.
    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        if matches!(self.sampling.filter, Filter::Nearest(_)) {
            return Tolerance::Exact;
        }
        let tables = self.tables(inputs).unwrap_or_default();
        Tolerance::Products { terms: tables.iter().flatten().map(|table| table.taps() + 2).sum() }
    }
}
