//! Clip: `y = min(max(x, lowest), highest)`. <https://onnx.ai/onnx/operators/onnx__Clip.html>
//!
//! Opset 6 states the bounds as attributes, 11 as inputs of which either may be absent; 12 and 13 brought
//! element types. Bounds must be known when the network is loaded.

use std::sync::Arc;

use super::activation::Activation;
use super::case::{Case, CaseInput};
use super::epilogue::{Epilogue, Stage};
use super::pointwise::{Pointwise, UNARY_KERNELS};
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, optional, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{DType, Data, Tensor};

pub static CLIP: Operator = Operator {
    name: "Clip",
    opsets: 6..=27,
    limits: "bounds must be constant",
    load: |attributes| {
        if attributes.opset >= 11 {
            return Ok(Arc::new(Clip { stated: None }));
        }
        let bounds = [attributes.float("min", f32::MIN)?, attributes.float("max", f32::MAX)?];
        Ok(Arc::new(Clip { stated: Some(bounds) }))
    },
    kernels: UNARY_KERNELS,
    cases,
};

fn cases() -> Vec<Case> {
    let bound = |v: f32| match Tensor::from_f32([], vec![v]) {
        Ok(tensor) => CaseInput::Constant(tensor),
        Err(_) => CaseInput::Absent,
    };
    let case = |name: &str| Case::new("Clip", name).given(&[2, 3, 5]);
    vec![
        case("both").with(bound(-0.5)).with(bound(1.25)),
        case("no bounds"),
        case("only the lowest").with(bound(0.25)),
        case("only the highest").absent().with(bound(0.25)),
        case("highest below lowest").with(bound(1.0)).with(bound(-1.0)),
        case("attributes").opset(6).float("min", -1.0).float("max", 0.5),
    ]
}

/// The bounds, where the node states them as attributes.
#[derive(Debug)]
struct Clip {
    stated: Option<[f32; 2]>,
}

impl Clip {
    fn activation(&self, lowest: Option<&Tensor>, highest: Option<&Tensor>) -> Result<Activation, Reason> {
        let [min, max] = match self.stated {
            Some(bounds) => bounds,
            None => [bound(lowest, f32::MIN)?, bound(highest, f32::MAX)?],
        };
        if min.is_nan() || max.is_nan() {
            return Err("a bound is not a number".into());
        }
        Ok(Activation::Clip { min, max })
    }

    fn pointwise(&self, inputs: &[Option<Info>]) -> Result<Pointwise, Reason> {
        let known = |position| match optional(inputs, position) {
            None => Ok(None),
            Some(info) => match info.value.as_deref() {
                Some(value) => Ok(Some(value)),
                None => Err(Reason::from("a bound is computed by the network, which is not supported")),
            },
        };
        let first = self.activation(known(1)?, known(2)?)?;
        Ok(Pointwise::unary(Epilogue { first, ..Epilogue::default() }))
    }
}

fn bound(tensor: Option<&Tensor>, default: f32) -> Result<f32, Reason> {
    let Some(tensor) = tensor else { return Ok(default) };
    match tensor.as_f32()? {
        [value] => Ok(*value),
        _ => Err(Reason(format!("a bound has shape {}, not that of one number", tensor.shape()))),
    }
}

impl Op for Clip {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        if x.dtype == DType::F32 {
            self.pointwise(inputs)?;
        } else if self.stated.is_some() || inputs.iter().flatten().any(|info| info.dtype != x.dtype) {
            return Err(Reason(format!("element type {} with other bounds", x.dtype)));
        }
        Ok(vec![TensorType { shape: x.shape.clone(), dtype: x.dtype }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let (lowest, highest) = (optional(inputs, 1).copied(), optional(inputs, 2).copied());
        let data = match x.data() {
            Data::F32(values) => {
                let clip = self.activation(lowest, highest)?;
                Data::F32(values.iter().map(|&v| clip.apply(f64::from(v)) as f32).collect())
            }
            Data::I64(values) => Data::I64(clip_integers(values, lowest, highest)?),
            other => return Err(Reason(format!("element type {} is not supported", other.dtype()))),
        };
        Ok(vec![Tensor::new(x.shape().to_vec(), data)?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        self.pointwise(&node.infos())?.lower(node)
    }

    fn known_inputs(&self) -> std::ops::Range<usize> {
        1..3
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }

    fn as_stage(&self, inputs: &[Option<Info>], position: usize) -> Option<Stage> {
        let pointwise = self.pointwise(inputs).ok()?;
        (position == 0).then_some(Stage::Activation(pointwise.epilogue.first))
    }

    fn with_stage(&self, stage: &Stage, inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        self.pointwise(inputs).ok()?.with_stage(stage, inputs)
    }
}

fn clip_integers(
    values: &[i64],
    lowest: Option<&Tensor>,
    highest: Option<&Tensor>,
) -> Result<Vec<i64>, Reason> {
    let bound = |tensor: Option<&Tensor>, default: i64| match tensor.map(Tensor::to_i64s).transpose()? {
        None => Ok(default),
        Some(v) if v.len() == 1 => Ok(v[0]),
        Some(_) => Err(Reason::from("a bound is not one number")),
    };
    let (lowest, highest) = (bound(lowest, i64::MIN)?, bound(highest, i64::MAX)?);
    Ok(values.iter().map(|&v| v.max(lowest).min(highest)).collect())
}
