//! Pad: grows or, where negative, cuts a tensor at both ends of its dimensions.
//! <https://onnx.ai/onnx/operators/onnx__Pad.html>
//!
//! Opset 2 states pads and value as attributes, 11 as inputs; 18 brought `axes`, 19 the mode `wrap`; 13, 21
//! and later differ only in element types. All but the data must be known when the network is loaded. Where one
//! end is cut in a mode other than `constant`, the other is filled from what is left, as ONNX Runtime does.

use std::sync::Arc;

use super::axes;
use super::case::{Case, CaseInput};
use super::rearrange::{COPY_STRIDED, Copy, Outside, expect_elements, infos, joined, pick, read_strides};
use super::resample::{MOVE_KERNELS, Resampling, Table, check_axis};
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, known_ints, optional, required};
use crate::plan::lowering::{Layout, Lowering};
use crate::tensor::{DType, Data, Shape, Tensor};

pub static PAD: Operator = Operator {
    name: "Pad",
    opsets: 6..=27,
    limits: "pads, value and axes must be constant",
    load: |attributes| {
        let mode = match attributes.text("mode", "constant")?.as_str() {
            "constant" => Outside::Fill(0.0),
            "edge" => Outside::Edge,
            "reflect" => Outside::Reflect,
            "wrap" => Outside::Wrap,
            other => return Err(Reason(format!("mode '{other}' is unknown"))),
        };
        if attributes.opset >= 11 {
            return Ok(Arc::new(Pad { mode, stated: None }));
        }
        let pads = attributes.ints("pads")?.ok_or("attribute pads is missing")?;
        Ok(Arc::new(Pad { mode, stated: Some((pads, attributes.float("value", 0.0)?)) }))
    },
    kernels: MOVE_KERNELS,
    cases,
};

fn cases() -> Vec<Case> {
    let case = |name: &str, pads: &[i64]| Case::new("Pad", name).given(&[2, 3, 5]).integers(pads);
    let image = |name: &str, pads: &[i64]| Case::new("Pad", name).given(&[2, 5, 4, 7]).integers(pads);
    let value = || match Tensor::from_f32([], vec![-1.5]) {
        Ok(tensor) => CaseInput::Constant(tensor),
        Err(_) => CaseInput::Absent,
    };
    let eight = |name: &str| {
        let pads = [1, 0, 1, 2, 0, 1, 1, 1, 0, 1, 1, 0, 1, 0, 1, -1];
        Case::new("Pad", name).given(&[2, 3, 2, 3, 2, 2, 3, 2]).integers(&pads)
    };
    vec![
        case("zeros", &[0, 1, 2, 1, 0, 3]),
        case("value", &[0, 1, 2, 1, 0, 3]).with(value()),
        case("negative", &[0, -1, 2, 1, 0, -3]),
        case("axes", &[1, 2, 0, 1]).opset(18).absent().integers(&[-1, 0]),
        case("edge", &[1, 1, 2, 1, 0, 7]).text("mode", "edge"),
        case("reflect", &[1, 2, 4, 0, 1, 3]).text("mode", "reflect"),
        case("wrap", &[1, 2, 4, 0, 1, 3]).opset(19).text("mode", "wrap"),
        case("reflect more than once", &[0, 5, 11, 3, 8, 9]).text("mode", "reflect"),
        case("wrap more than once", &[5, 0, 11, 3, 7, 12]).opset(19).text("mode", "wrap"),
        case("edge of a part", &[0, -1, 2, 3, 0, -3]).text("mode", "edge"),
        case("wrap a part", &[0, -1, -2, 3, 4, 6]).opset(19).text("mode", "wrap"),
        case("reflect a part", &[0, 4, 3, 1, -1, -2]).text("mode", "reflect"),
        image("pixels", &[0, 0, 1, 2, 0, 0, 2, 1]),
        image("pixel rows grow, columns shrink", &[0, 0, 1, -1, 0, 0, 2, -2]),
        image("pixels with a value", &[0, 0, 1, 2, 0, 0, 2, 1]).with(value()),
        image("reflected pixels", &[0, 0, 3, 2, 0, 0, 2, 1]).text("mode", "reflect"),
        image("channels", &[0, 1, 1, 0, 0, 2, 1, 0]),
        Case::new("Pad", "one of one").given(&[1]).integers(&[2, 3]).text("mode", "reflect"),
        Case::new("Pad", "five dimensions")
            .given(&[2, 1, 3, 2, 2])
            .integers(&[0, 1, 0, 2, 0, 1, 0, 1, -1, 1]),
        eight("eight dimensions"),
        eight("eight dimensions of edges").text("mode", "edge"),
        eight("eight dimensions of reflections").text("mode", "reflect"),
        Case::new("Pad", "attributes")
            .opset(10)
            .given(&[2, 3])
            .ints("pads", &[1, 0, 0, 2])
            .float("value", 9.0),
    ]
}

#[derive(Debug)]
struct Pad {
    /// The fill value stands in `stated` or in an input.
    mode: Outside,
    stated: Option<(Vec<i64>, f32)>,
}

/// One dimension of a padding.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Along {
    /// Elements of the input left out in front.
    skipped: usize,
    /// Elements of the input from there on.
    inside: usize,
    /// Where they begin within the output.
    begin: i64,
    /// The output's size.
    size: usize,
}

impl Along {
    fn whole(size: usize) -> Self {
        Along { skipped: 0, inside: size, begin: 0, size }
    }
}

impl Pad {
    fn resolve(&self, inputs: &[Option<Info>]) -> Result<Vec<Along>, Reason> {
        let x = required(inputs, 0)?;
        let rank = x.shape.rank();
        let pads = match &self.stated {
            Some((pads, _)) => pads.clone(),
            None => known_ints(inputs, 1, "the padding")?.ok_or("the padding is missing")?,
        };
        let axes = match known_ints(inputs, 3, "the list of axes")? {
            Some(axes) => axes::resolve(&axes, rank)?,
            None => (0..rank).collect(),
        };
        if pads.len() != axes.len() * 2 {
            return Err(Reason(format!("{} pads for {} axes", pads.len(), axes.len())));
        }
        let mut dimensions: Vec<Along> = x.shape.iter().map(|&size| Along::whole(size)).collect();
        for (i, &d) in axes.iter().enumerate() {
            let (front, behind) = (pads[i], pads[i + axes.len()]);
            let refused = || Reason(format!("pads {front} and {behind} do not fit size {}", x.shape[d]));
            dimensions[d] = self.along(x.shape[d], front, behind).ok_or_else(refused)?;
        }
        expect_elements(&shape(&dimensions)?)?;
        Ok(dimensions)
    }

    fn along(&self, size: usize, front: i64, behind: i64) -> Option<Along> {
        let padded = i64::try_from(size).ok()?.checked_add(front)?.checked_add(behind)?;
        let padded = usize::try_from(padded).ok()?;
        if matches!(self.mode, Outside::Fill(_)) {
            return Some(Along { skipped: 0, inside: size, begin: front, size: padded });
        }
        let cut = |pad: i64| usize::try_from(pad.min(0).unsigned_abs()).ok();
        let (skipped, behind) = (cut(front)?, cut(behind)?);
        let inside = size.checked_sub(skipped)?.checked_sub(behind).filter(|&n| n > 0)?;
        Some(Along { skipped, inside, begin: front.max(0), size: padded })
    }

    fn fill(&self, value: Option<&Tensor>, dtype: DType) -> Result<Data, Reason> {
        if let Some((_, value)) = self.stated {
            return Ok(Data::F32(vec![value]));
        }
        match value {
            Some(tensor) if tensor.shape().elements() == 1 => Ok(tensor.data().clone()),
            Some(tensor) => {
                Err(Reason(format!("the value has shape {}, not that of one number", tensor.shape())))
            }
            None => Ok(match dtype {
                DType::F32 => Data::F32(vec![0.0]),
                DType::I64 => Data::I64(vec![0]),
                DType::I32 => Data::I32(vec![0]),
                DType::Bool => Data::Bool(vec![false]),
            }),
        }
    }

    /// The input's position along a dimension for one of the output, `None` for the fill value.
    fn source(&self, at: usize, along: &Along) -> Option<usize> {
        let size = along.inside as i64;
        let at = at as i64 - along.begin;
        let inside = match self.mode {
            Outside::Fill(_) => at,
            Outside::Edge => at.clamp(0, size - 1),
            Outside::Reflect if size == 1 => 0,
            Outside::Reflect => {
                let forward = at.rem_euclid(2 * (size - 1));
                forward.min(2 * (size - 1) - forward)
            }
            Outside::Wrap => at.rem_euclid(size),
        };
        (0..size).contains(&inside).then_some(along.skipped + inside as usize)
    }

    /// The same for a channels-last tensor that is padded along its pixels.
    fn resampling(&self, x_shape: &Shape, dimensions: &[Along], fill: f32) -> Option<Resampling> {
        let mut tables = vec![None; dimensions.len()];
        for (d, along) in dimensions.iter().enumerate() {
            if *along != Along::whole(x_shape[d]) {
                check_axis(along.size).ok().filter(|()| d >= 2)?;
                let sources = (0..along.size).map(|at| self.source(at, along));
                tables[d] = Some(Table::of_indices(x_shape[d], sources).ok()?);
            }
        }
        Some(Resampling { fill, ..Resampling::new(x_shape, tables) })
    }
}

fn shape(dimensions: &[Along]) -> Result<Shape, Reason> {
    Ok(Shape::new(dimensions.iter().map(|along| along.size).collect::<Vec<_>>())?)
}

/// A fill value as devices hold it.
fn device_value(data: &Data) -> Option<f32> {
    match data {
        Data::F32(v) => v.first().copied(),
        Data::I64(v) => v.first().map(|&v| v as f32),
        Data::I32(v) => v.first().map(|&v| v as f32),
        Data::Bool(v) => v.first().map(|&v| f32::from(u8::from(v))),
    }
}

impl Op for Pad {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        let value = match optional(inputs, 2) {
            None => None,
            Some(info) => Some(info.value.as_deref().ok_or("the value is computed by the network")?),
        };
        let fill = self.fill(value, x.dtype)?;
        if fill.dtype() != x.dtype {
            return Err(Reason(format!("element types differ: {} and {}", x.dtype, fill.dtype())));
        }
        Ok(vec![TensorType { shape: shape(&self.resolve(inputs)?)?, dtype: x.dtype }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let dimensions = self.resolve(&infos(inputs))?;
        let shape = shape(&dimensions)?;
        let with_fill = joined(x.data(), &self.fill(optional(inputs, 2).copied(), x.dtype())?)?;
        let fill_position = x.shape().elements();
        let strides = x.shape().strides();
        let out_strides = shape.strides();
        let source = |i: usize| {
            (0..shape.rank()).try_fold(0, |from, d| {
                let at = i / out_strides[d] % shape[d];
                Some(from + self.source(at, &dimensions[d])? * strides[d])
            })
        };
        let from: Vec<usize> = (0..shape.elements()).map(|i| source(i).unwrap_or(fill_position)).collect();
        Ok(vec![Tensor::new(shape.to_vec(), pick(&with_fill, &from))?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let infos = node.infos();
        let dimensions = self.resolve(&infos)?;
        let fill = self.fill(node.constant(2).as_deref(), required(&infos, 0)?.dtype)?;
        let fill = device_value(&fill).ok_or("the value is missing")?;
        let x_shape = node.input_shape(0)?;
        if let Some(resampling) = self.resampling(&x_shape, &dimensions, fill)
            && resampling.layout(node, &COPY_STRIDED)? == Layout::ChannelsLast
        {
            return resampling.emit(node, 0, Layout::ChannelsLast);
        }
        let copy = Copy {
            x_shape: dimensions.iter().map(|along| along.inside).collect(),
            x_begin: dimensions.iter().map(|along| along.begin).collect(),
            x_offset: dimensions.iter().zip(x_shape.strides()).map(|(a, stride)| a.skipped * stride).sum(),
            outside: if matches!(self.mode, Outside::Fill(_)) { Outside::Fill(fill) } else { self.mode },
            ..Copy::all(&shape(&dimensions)?, read_strides(&x_shape))
        };
        let (from, to) = (node.input(0, Layout::Plain)?, node.output(Layout::Plain)?);
        copy.emit(node, from, to)
    }

    fn known_inputs(&self) -> std::ops::Range<usize> {
        1..4
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}
