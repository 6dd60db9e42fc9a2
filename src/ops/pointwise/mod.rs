//! The element-wise family: one or two operands and a fused tail in one dispatch.
//!
//! Relu, Sigmoid, Add, Less and the rest declare themselves in files of their own; this is what they share.

mod binary;
pub mod cases;
mod lower;

use std::sync::Arc;

use super::activation::Activation;
use super::broadcast::{broadcast, padded, positions, strides};
use super::epilogue::{Epilogue, ScaleShift, Stage};
use super::{Info, Op, Reason, TensorType, Tolerance, axis, optional, required};
use crate::graph::attributes::AttributeReader;
use crate::plan::lowering::Lowering;
use crate::tensor::{DType, Data, Shape, Tensor};

pub use binary::Binary;
pub use lower::{BINARY_KERNELS, Broadcast, UNARY_KERNELS, eight};

/// A node of the element-wise family.
#[derive(Debug, Clone)]
pub struct Pointwise {
    pub binary: Binary,
    pub epilogue: Epilogue,
    /// Where the second operand's first dimension lies in the first operand (operator set 6).
    axis: Option<i64>,
}

impl Pointwise {
    /// A function of one operand: nothing but a fused tail.
    pub fn unary(epilogue: Epilogue) -> Pointwise {
        Pointwise { binary: Binary::First, epilogue, axis: None }
    }

    /// A function of one operand.
    pub fn function(activation: Activation) -> Arc<dyn Op> {
        Arc::new(Self::unary(Epilogue { first: activation, ..Epilogue::default() }))
    }

    /// A function of two operands.
    pub fn of(binary: Binary) -> Pointwise {
        Pointwise { binary, epilogue: Epilogue::default(), axis: None }
    }

    /// The same with the second operand's first dimension at this one of the first operand.
    pub fn at_axis(self, axis: i64) -> Pointwise {
        Pointwise { axis: Some(axis), ..self }
    }

    /// A function of two operands, as a node states it.
    pub fn read(binary: Binary, attributes: &AttributeReader) -> Result<Arc<dyn Op>, Reason> {
        let mut axis = None;
        // Before operator set 7 the flag asked for what has been the rule since, at an axis of choice.
        if attributes.opset < 7 {
            attributes.ignore("broadcast");
            axis = attributes.optional_int("axis")?;
        }
        Ok(Arc::new(Pointwise { axis, ..Self::of(binary) }))
    }

    fn is_binary(&self) -> bool {
        self.binary != Binary::First
    }

    /// The second operand's shape with ones behind it, where an axis says that it does not end with the first.
    fn right_shape(&self, a: &Shape, b: &Shape) -> Result<Shape, Reason> {
        let Some(stated) = self.axis else { return Ok(b.clone()) };
        let first = axis(stated, a.rank())?;
        let behind = a.rank().checked_sub(first + b.rank());
        let behind = behind.ok_or_else(|| Reason(format!("shape {b} does not fit {a} at axis {stated}")))?;
        Ok(Shape::new([&b[..], &vec![1; behind]].concat())?)
    }

    /// The type of the result.
    fn result(&self, inputs: &[Option<Info>]) -> Result<DType, Reason> {
        let a = required(inputs, 0)?;
        if self.is_binary() {
            return self.binary.result(a, required(inputs, 1)?);
        }
        let is_negation = self.epilogue.first == Activation::Not;
        match a.dtype {
            DType::Bool if is_negation => Ok(DType::Bool),
            DType::F32 if !is_negation => Ok(DType::F32),
            DType::I64 | DType::I32
                if a.value.is_some() && self.epilogue.first.apply_integer(0).is_some() =>
            {
                Ok(a.dtype)
            }
            other => Err(Reason(format!("element type {other} is not supported here"))),
        }
    }

    fn run_floats(
        &self,
        shape: &Shape,
        a: &Tensor,
        b: Option<(&Tensor, &Shape)>,
    ) -> Result<Vec<f64>, Reason> {
        let left = floats(a)?;
        let from_left = positions(shape, &strides(a.shape(), shape));
        let right =
            b.map(|(b, b_shape)| Ok::<_, Reason>((floats(b)?, positions(shape, &strides(b_shape, shape)))));
        let right = right.transpose()?;
        let inner: usize = shape.iter().skip(2).product();
        let channels = shape.get(1).copied().unwrap_or(1);
        let value = |i: usize| {
            let y = right.as_ref().map_or(0.0, |(values, from)| values[from[i]]);
            self.epilogue.apply(self.binary.apply(left[from_left[i]], y), i / inner % channels, 0.0)
        };
        Ok((0..shape.elements()).map(value).collect())
    }

    fn run_integers(
        &self,
        shape: &Shape,
        a: &Tensor,
        b: Option<(&Tensor, &Shape)>,
    ) -> Result<Vec<i64>, Reason> {
        let left = a.to_i64s()?;
        let from_left = positions(shape, &strides(a.shape(), shape));
        let right =
            b.map(|(b, b_shape)| Ok::<_, Reason>((b.to_i64s()?, positions(shape, &strides(b_shape, shape)))));
        let right = right.transpose()?;
        let value = |i: usize| {
            let y = right.as_ref().map_or(0, |(values, from)| values[from[i]]);
            let x = self.binary.apply_integers(left[from_left[i]], y)?;
            self.epilogue.last.apply_integer(self.epilogue.first.apply_integer(x)?)
        };
        let result: Option<Vec<i64>> = (0..shape.elements()).map(value).collect();
        result.ok_or_else(|| "integer overflow or division by zero".into())
    }
}

fn floats(tensor: &Tensor) -> Result<Vec<f64>, Reason> {
    match tensor.data() {
        Data::F32(values) => Ok(values.iter().map(|&v| f64::from(v)).collect()),
        _ => Ok(tensor.to_i64s()?.into_iter().map(|v| v as f64).collect()),
    }
}

/// Whole numbers as the elements of a type.
fn from_integers(values: Vec<i64>, dtype: DType) -> Result<Data, Reason> {
    Ok(match dtype {
        DType::Bool => Data::Bool(values.into_iter().map(|v| v != 0).collect()),
        DType::I64 => Data::I64(values),
        DType::I32 => {
            let narrow: Option<Vec<i32>> = values.into_iter().map(|v| i32::try_from(v).ok()).collect();
            Data::I32(narrow.ok_or("a result does not fit i32")?)
        }
        DType::F32 => return Err("expected integers".into()),
    })
}

/// Type, shape and elements of an input, for what is decided by types alone.
fn info(tensor: &Tensor) -> Option<Info> {
    let value = Some(Arc::new(Tensor::from_i64s(&[])));
    Some(Info { shape: tensor.shape().clone(), dtype: tensor.dtype(), value })
}

impl Op for Pointwise {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let (a, dtype) = (required(inputs, 0)?, self.result(inputs)?);
        let shape = match self.is_binary() {
            true => broadcast(&a.shape, &self.right_shape(&a.shape, &required(inputs, 1)?.shape)?)?,
            false => a.shape.clone(),
        };
        Ok(vec![TensorType { shape, dtype }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let infos: Vec<Option<Info>> = inputs.iter().map(|t| t.and_then(info)).collect();
        let TensorType { shape, dtype } = self.infer(&infos)?.remove(0);
        let a = *required(inputs, 0)?;
        let b = if self.is_binary() { Some(*required(inputs, 1)?) } else { None };
        let b_shape = b.map(|b| self.right_shape(a.shape(), b.shape())).transpose()?;
        let b = b.zip(b_shape.as_ref());
        let data = match (a.dtype(), dtype) {
            (DType::F32, DType::F32) => {
                Data::F32(self.run_floats(&shape, a, b)?.into_iter().map(|v| v as f32).collect())
            }
            (DType::F32, _) => {
                Data::Bool(self.run_floats(&shape, a, b)?.into_iter().map(|v| v != 0.0).collect())
            }
            _ => from_integers(self.run_integers(&shape, a, b)?, dtype)?,
        };
        Ok(vec![Tensor::new(shape.to_vec(), data)?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        lower::lower(self, node)
    }

    fn magnitudes(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        if self.epilogue.post.is_some() {
            return self.magnitudes_with_post(inputs);
        }
        let first = self.epilogue.first.of_magnitudes().unwrap_or(self.epilogue.first);
        let of_parts = Pointwise { epilogue: Epilogue { first, ..self.epilogue.clone() }, ..self.clone() };
        let absolute: Vec<Option<Tensor>> = inputs.iter().map(|t| t.map(Tensor::absolute)).collect();
        of_parts.run(&absolute.iter().map(Option::as_ref).collect::<Vec<_>>())
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        let alone = Epilogue { first: self.epilogue.first, ..Epilogue::default() };
        if self.epilogue.first.of_magnitudes().is_some() && !self.is_binary() && self.epilogue == alone {
            return Tolerance::Products { terms: self.epilogue.first.ulps() as usize };
        }
        // Batch norm: WebNN's 6. The twin's own rounding is half a unit, which the bound's coarser grid holds.
        let post = if self.epilogue.post.is_some() { 6.0 } else { 0.0 };
        let ulps = self.binary.ulps() + self.epilogue.first.ulps() + self.epilogue.last.ulps() + post;
        match [self.epilogue.first, self.epilogue.last].iter().any(|function| function.is_exponential()) {
            true => Tolerance::Exponential { ulps },
            // A shift may take away most of what it is added to, but not its error.
            false if post > 0.0 => Tolerance::Products { terms: ulps as usize },
            false if ulps == 0.0 => Tolerance::Exact,
            false => Tolerance::Ulps(ulps),
        }
    }

    fn as_stage(&self, inputs: &[Option<Info>], position: usize) -> Option<Stage> {
        if !self.is_binary() {
            let only_first = Epilogue { first: self.epilogue.first, ..Epilogue::default() };
            return (self.epilogue == only_first).then_some(Stage::Activation(self.epilogue.first));
        }
        if !self.epilogue.is_empty() {
            return None;
        }
        let (own, other) = (optional(inputs, position)?, optional(inputs, 1 - position)?);
        match &other.value {
            Some(value) => self.constant_stage(&own.shape, value, position),
            None if self.binary == Binary::Add && own.shape == other.shape => {
                Some(Stage::Residual { position: 1 - position })
            }
            None => None,
        }
    }

    fn is_product(&self) -> bool {
        self.binary == Binary::Mul && self.epilogue.is_empty() && self.axis.is_none()
    }

    fn with_stage(&self, stage: &Stage, inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        let fusable = match stage {
            Stage::Activation(_) => true,
            // Only the row kernel knows channels.
            Stage::ScaleShift(_) => !self.is_binary() && required(inputs, 0).ok()?.shape.rank() >= 2,
            Stage::Residual { .. } => false,
        };
        let epilogue = if fusable { self.epilogue.with(stage, false)? } else { return None };
        Some(Arc::new(Pointwise { epilogue, ..self.clone() }))
    }
}

impl Pointwise {
    /// `|first(x)| |scale| + |shift|`, whose rounding reaches the result through a function that is nowhere steep, and the result
    /// itself, for the rounding of that function.
    fn magnitudes_with_post(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let own = &self.epilogue;
        let with = |epilogue: Epilogue, inputs: &[Option<&Tensor>]| -> Result<Tensor, Reason> {
            Ok(Pointwise { epilogue, ..self.clone() }.run(inputs)?.remove(0))
        };
        let first = with(Epilogue { first: own.first, ..Epilogue::default() }, inputs)?.absolute();
        let last = own.last.of_magnitudes().unwrap_or_default();
        let parts = with(Epilogue { last, ..own.absolute() }, &[Some(&first)])?;
        let result = self.run(inputs)?.remove(0);
        let sums = parts.as_f32()?.iter().zip(result.as_f32()?).map(|(part, y)| part.abs() + y.abs());
        Ok(vec![Tensor::from_f32(result.shape().to_vec(), sums.collect())?])
    }

    /// Arithmetic with a constant per channel, or one for all, as a scale and shift.
    fn constant_stage(&self, shape: &Shape, value: &Tensor, position: usize) -> Option<Stage> {
        let channels = *shape.get(1)?;
        let data = value.as_f32().ok()?;
        let value_shape =
            if position == 0 { self.right_shape(shape, value.shape()).ok()? } else { value.shape().clone() };
        // An axis aligns the second operand with the first, so a constant in front does not end with it.
        if position == 1 && self.axis.is_some() {
            return None;
        }
        let sizes = padded(&value_shape, shape.rank());
        let per_channel = value_shape.rank() <= shape.rank()
            && sizes.iter().enumerate().all(|(d, &s)| s == 1 || (d == 1 && s == channels));
        if !per_channel {
            return None;
        }
        let operand: Vec<f32> =
            (0..channels).map(|c| if data.len() == 1 { data[0] } else { data[c] }).collect();
        let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
        let (scale, shift) = match (self.binary, position) {
            (Binary::Add, _) => (ones, operand),
            (Binary::Sub, 0) => (ones, operand.iter().map(|v| -v).collect()),
            (Binary::Sub, 1) => (vec![-1.0; channels], operand),
            (Binary::Mul, _) => (operand, zeros),
            // Division stays a division: its reciprocal would round differently.
            _ => return None,
        };
        Some(Stage::ScaleShift(ScaleShift { scale: scale.into(), shift: shift.into() }))
    }
}
