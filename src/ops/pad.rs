//! Pad: grows or, where negative, cuts a tensor at both ends of its dimensions.
//! <https://onnx.ai/onnx/operators/onnx__Pad.html>
//!
//! Opset 2 states pads and value as attributes, 11 as inputs; 18 brought `axes`, 19 the mode `wrap`; 13, 21
//! and later differ only in element types. All but the data must be known when the network is loaded.

use std::sync::Arc;

use super::axes;
use super::case::{Case, CaseInput};
use super::rearrange::{COPY_STRIDED, Copy, Outside, expect_elements, infos, joined, pick};
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, known_ints, optional, required};
use crate::plan::lowering::{Layout, Lowering};
use crate::tensor::{DType, Data, Shape, Tensor};

pub static PAD: Operator = Operator {
    name: "Pad",
    opsets: 6..=25,
    limits: "pads, value and axes must be constant; reflect and wrap by at most one input; negative pads in mode constant",
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
    kernels: &[&COPY_STRIDED],
    cases,
};

fn cases() -> Vec<Case> {
    let case = |name: &str, pads: &[i64]| Case::new("Pad", name).given(&[2, 3, 5]).integers(pads);
    let value = || match Tensor::from_f32([], vec![-1.5]) {
        Ok(tensor) => CaseInput::Constant(tensor),
        Err(_) => CaseInput::Absent,
    };
    vec![
        case("zeros", &[0, 1, 2, 1, 0, 3]),
        case("value", &[0, 1, 2, 1, 0, 3]).with(value()),
        case("negative", &[0, -1, 2, 1, 0, -3]),
        case("axes", &[1, 2, 0, 1]).opset(18).absent().integers(&[-1, 0]),
        case("edge", &[1, 1, 2, 1, 0, 7]).text("mode", "edge"),
        case("reflect", &[1, 2, 4, 0, 1, 3]).text("mode", "reflect"),
        case("wrap", &[1, 2, 4, 0, 1, 3]).opset(19).text("mode", "wrap"),
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

/// A resolved padding.
struct Padding {
    begin: Vec<i64>,
    shape: Shape,
}

impl Pad {
    fn resolve(&self, inputs: &[Option<Info>]) -> Result<Padding, Reason> {
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
        let (mut begin, mut sizes) = (vec![0; rank], x.shape.to_vec());
        for (i, &d) in axes.iter().enumerate() {
            let (front, behind) = (pads[i], pads[i + axes.len()]);
            self.check(x.shape[d], front, behind)?;
            begin[d] = front;
            sizes[d] = padded(x.shape[d], front, behind)
                .ok_or_else(|| Reason(format!("pads {front} and {behind} do not fit size {}", x.shape[d])))?;
        }
        let shape = Shape::new(sizes)?;
        expect_elements(&shape)?;
        Ok(Padding { begin, shape })
    }

    fn check(&self, size: usize, front: i64, behind: i64) -> Result<(), Reason> {
        let most = match self.mode {
            Outside::Fill(_) => return Ok(()),
            Outside::Edge => i64::MAX,
            Outside::Reflect => i64::try_from(size).unwrap_or(0) - 1,
            Outside::Wrap => i64::try_from(size).unwrap_or(0),
        };
        let fits = |pad: i64| (0..=most).contains(&pad) && size > 0;
        match fits(front) && fits(behind) {
            true => Ok(()),
            false => Err(Reason(format!("pads {front} and {behind} on size {size} in this mode"))),
        }
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
    fn source(&self, at: usize, begin: i64, size: usize) -> Option<usize> {
        let size = size as i64;
        let at = at as i64 - begin;
        let inside = match self.mode {
            Outside::Fill(_) => at,
            Outside::Edge => at.clamp(0, size - 1),
            Outside::Reflect => at.abs().min(2 * (size - 1) - at.abs()),
            Outside::Wrap => at.rem_euclid(size),
        };
        (0..size).contains(&inside).then_some(inside as usize)
    }
}

fn padded(size: usize, front: i64, behind: i64) -> Option<usize> {
    let size = i64::try_from(size).ok()?.checked_add(front)?.checked_add(behind)?;
    usize::try_from(size).ok()
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
        Ok(vec![TensorType { shape: self.resolve(inputs)?.shape, dtype: x.dtype }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let Padding { begin, shape } = self.resolve(&infos(inputs))?;
        let with_fill = joined(x.data(), &self.fill(optional(inputs, 2).copied(), x.dtype())?)?;
        let fill_position = x.shape().elements();
        let strides = x.shape().strides();
        let out_strides = shape.strides();
        let source = |i: usize| {
            (0..shape.rank()).try_fold(0, |from, d| {
                let at = i / out_strides[d] % shape[d];
                Some(from + self.source(at, begin[d], x.shape()[d])? * strides[d])
            })
        };
        let from: Vec<usize> = (0..shape.elements()).map(|i| source(i).unwrap_or(fill_position)).collect();
        Ok(vec![Tensor::new(shape.to_vec(), pick(&with_fill, &from))?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let Padding { begin, shape } = self.resolve(&node.infos())?;
        let outside = match self.mode {
            Outside::Fill(_) => match self.fill(node.constant(2).as_deref(), DType::F32)? {
                Data::F32(value) => Outside::Fill(value.first().copied().unwrap_or(0.0)),
                other => return Err(Reason(format!("the value is {}, not f32", other.dtype()))),
            },
            mode => mode,
        };
        let x_shape = node.input_shape(0)?;
        let (from, to) = (node.input(0, Layout::Plain)?, node.output(Layout::Plain)?);
        let copy = Copy {
            shape: &shape,
            x_shape: &x_shape,
            x_begin: &begin,
            x_strides: &x_shape.strides(),
            y_strides: &shape.strides(),
            y_offset: 0,
            outside,
        };
        copy.emit(node, from, to)
    }

    fn known_inputs(&self) -> std::ops::Range<usize> {
        1..4
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}
