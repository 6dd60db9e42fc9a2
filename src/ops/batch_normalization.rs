//! BatchNormalization at inference: `y = (x - mean) / sqrt(var + epsilon) * scale + bias` per channel.
//! <https://onnx.ai/onnx/operators/onnx__BatchNormalization.html>
//!
//! Opset 6 marks inference with `is_test`, 9 does without, 14 brought `training_mode`, 15 element types.
//! Parameters must be constant. Usually the node vanishes into the one before it.

use std::sync::Arc;

use super::case::{Case, CaseInput};
use super::epilogue::{Epilogue, ScaleShift, Stage};
use super::pointwise::{Pointwise, UNARY_KERNELS};
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, expect_f32, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{DType, Tensor};

pub static BATCH_NORMALIZATION: Operator = Operator {
    name: "BatchNormalization",
    opsets: 6..=27,
    limits: "inference only; parameters must be constant",
    load: |attributes| {
        let opset = attributes.opset;
        if attributes.flag("training_mode", false)? || (opset < 7 && !attributes.flag("is_test", false)?) {
            return Err("training mode is not supported".into());
        }
        if opset < 9 && !attributes.flag("spatial", true)? {
            return Err("statistics per pixel (spatial = 0) are not supported".into());
        }
        attributes.ignore("momentum");
        Ok(Arc::new(BatchNormalization { epsilon: attributes.float("epsilon", 1e-5)? }))
    },
    kernels: UNARY_KERNELS,
    cases: || {
        vec![
            case("odd", &[2, 5, 3, 7]),
            case("one", &[1, 1, 1, 1]),
            case("line", &[2, 4, 9]),
            case("flat", &[3, 6]),
            case("epsilon", &[1, 3, 4, 4]).float("epsilon", 0.5),
            case("opset 6", &[1, 3, 2, 2]).opset(6).int("is_test", 1),
        ]
    },
};

fn case(name: &str, shape: &[usize]) -> Case {
    let channels = shape.get(1).copied().unwrap_or(1);
    let variance: Vec<f32> = (0..channels).map(|c| 0.1 + c as f32 * 0.7).collect();
    let variance = Tensor::from_f32([channels], variance).map_or(CaseInput::Absent, CaseInput::Constant);
    let case = Case::new("BatchNormalization", name).given(shape).constant(&[channels]);
    case.constant(&[channels]).constant(&[channels]).with(variance)
}

#[derive(Debug)]
struct BatchNormalization {
    epsilon: f32,
}

impl BatchNormalization {
    /// The node as one multiplication and addition per channel, from scale, bias, mean and variance.
    fn scale_shift(&self, parameters: [&Tensor; 4]) -> Result<ScaleShift, Reason> {
        let [scale, bias, mean, variance] = parameters.map(Tensor::as_f32);
        let (scale, bias, mean, variance) = (scale?, bias?, mean?, variance?);
        let epsilon = f64::from(self.epsilon);
        let factor: Vec<f64> = scale
            .iter()
            .zip(variance)
            .map(|(&s, &v)| f64::from(s) / (f64::from(v) + epsilon).sqrt())
            .collect();
        let shift = factor.iter().zip(bias).zip(mean).map(|((f, &b), &m)| f64::from(b) - f64::from(m) * f);
        Ok(ScaleShift {
            scale: factor.iter().map(|&f| f as f32).collect(),
            shift: shift.map(|v| v as f32).collect(),
        })
    }

    fn known(&self, inputs: &[Option<Info>]) -> Result<ScaleShift, Reason> {
        let known = |position: usize| {
            let value = required(inputs, position)?.value.as_deref();
            value.ok_or_else(|| {
                Reason::from("its parameters are computed by the network, which is not supported")
            })
        };
        self.scale_shift([known(1)?, known(2)?, known(3)?, known(4)?])
    }

    fn pointwise(&self, inputs: &[Option<Info>]) -> Result<Pointwise, Reason> {
        Ok(Pointwise::unary(Epilogue { post: Some(self.known(inputs)?), ..Epilogue::default() }))
    }
}

impl Op for BatchNormalization {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        let channels = *x.shape.get(1).ok_or("the input has no channels")?;
        for position in 0..5 {
            let info = required(inputs, position)?;
            expect_f32(info)?;
            if position > 0 && *info.shape != [channels] {
                return Err(Reason(format!("input {position} is {}, expected {channels}", info.shape)));
            }
        }
        self.known(inputs)?;
        Ok(vec![TensorType { shape: x.shape.clone(), dtype: DType::F32 }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let parameter = |position| required(inputs, position).and_then(|t| Ok(t.as_f32()?));
        let (scale, bias, mean, variance) = (parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?);
        let inner: usize = x.shape()[2..].iter().product();
        let normalised = |(i, &v): (usize, &f32)| {
            let c = i / inner % scale.len();
            let deviation = (f64::from(variance[c]) + f64::from(self.epsilon)).sqrt();
            ((f64::from(v) - f64::from(mean[c])) / deviation * f64::from(scale[c]) + f64::from(bias[c]))
                as f32
        };
        let data = x.as_f32()?.iter().enumerate().map(normalised).collect();
        Ok(vec![Tensor::from_f32(x.shape().to_vec(), data)?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        self.pointwise(&node.infos())?.lower(node)
    }

    fn known_inputs(&self) -> std::ops::Range<usize> {
        1..5
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        // Products of x, mean and the reciprocal, each rounded once or twice.
        Tolerance::Products { terms: 6 }
    }

    fn magnitudes(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let parameter = |position| required(inputs, position).copied();
        let ScaleShift { scale, .. } =
            self.scale_shift([parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?])?;
        let (bias, mean) = (parameter(2)?.as_f32()?, parameter(3)?.as_f32()?);
        let inner: usize = x.shape()[2..].iter().product();
        let magnitude = |(i, &v): (usize, &f32)| {
            let c = i / inner % scale.len();
            (v.abs() + mean[c].abs()) * scale[c].abs() + bias[c].abs()
        };
        let data = x.as_f32()?.iter().enumerate().map(magnitude).collect();
        Ok(vec![Tensor::from_f32(x.shape().to_vec(), data)?])
    }

    fn as_stage(&self, inputs: &[Option<Info>], position: usize) -> Option<Stage> {
        let stage = self.known(inputs).ok()?;
        (position == 0).then_some(Stage::ScaleShift(stage))
    }

    fn with_stage(&self, stage: &Stage, inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        self.pointwise(inputs).ok()?.with_stage(stage, inputs)
    }
}
