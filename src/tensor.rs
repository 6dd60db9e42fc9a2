//! Shape, DType and Tensor: the only form in which numbers travel between the parts of Gyrus.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The sizes of a tensor's dimensions, outermost first (images are NCHW).
///
/// The product of the sizes always fits `usize`; construction checks it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// A shape of these sizes.
    ///
    /// # Errors
    /// When the number of elements, in bytes of 8, overflows `usize`.
    pub fn new(dims: impl Into<Vec<usize>>) -> Result<Self> {
        let dims = dims.into();
        let bytes = dims.iter().try_fold(8usize, |n, &d| n.checked_mul(d.max(1)));
        match bytes {
            Some(n) if n <= isize::MAX as usize => Ok(Shape(dims)),
            _ => Err(Error::tensor("shape", format!("{dims:?} has too many elements"))),
        }
    }

    /// The number of elements; 1 for a scalar.
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// The number of dimensions.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Row-major strides, in elements.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.0.len()];
        for axis in (1..self.0.len()).rev() {
            strides[axis - 1] = strides[axis] * self.0[axis];
        }
        strides
    }

    /// The sizes as a vector.
    pub fn to_vec(&self) -> Vec<usize> {
        self.0.clone()
    }
}

impl Deref for Shape {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.0.iter().map(usize::to_string).collect();
        if dims.is_empty() { f.write_str("scalar") } else { f.write_str(&dims.join("x")) }
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// The element types that Gyrus computes with. Networks run in f32; integers and booleans serve shape
/// arithmetic, which is folded when a network is loaded, and name what comparisons and ArgMax answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    F32,
    I64,
    I32,
    Bool,
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DType::F32 => "f32",
            DType::I64 => "i64",
            DType::I32 => "i32",
            DType::Bool => "bool",
        })
    }
}

/// Devices hold every value as f32, and integers up to here exactly.
pub const MAX_DEVICE_INTEGER: u64 = 1 << 24;

/// The elements of a tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    F32(Vec<f32>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    Bool(Vec<bool>),
}

impl Data {
    /// The type of every element.
    pub fn dtype(&self) -> DType {
        match self {
            Data::F32(_) => DType::F32,
            Data::I64(_) => DType::I64,
            Data::I32(_) => DType::I32,
            Data::Bool(_) => DType::Bool,
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Data::F32(v) => v.len(),
            Data::I64(v) => v.len(),
            Data::I32(v) => v.len(),
            Data::Bool(v) => v.len(),
        }
    }
}

/// A dense tensor in host memory, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Data,
}

impl Tensor {
    /// A tensor of these elements.
    ///
    /// # Errors
    /// When the number of elements is not the shape's.
    pub fn new(shape: impl Into<Vec<usize>>, data: Data) -> Result<Self> {
        let shape = Shape::new(shape)?;
        if shape.elements() != data.len() {
            let reason = format!("shape {shape} holds {} elements, {} given", shape.elements(), data.len());
            return Err(Error::tensor("data", reason));
        }
        Ok(Tensor { shape, data })
    }

    /// An f32 tensor.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn from_f32(shape: impl Into<Vec<usize>>, data: Vec<f32>) -> Result<Self> {
        Tensor::new(shape, Data::F32(data))
    }

    /// An i64 vector of rank 1, the form of shapes and axes in ONNX.
    pub fn from_i64s(values: &[i64]) -> Self {
        Tensor { shape: Shape(vec![values.len()]), data: Data::I64(values.to_vec()) }
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    pub fn data(&self) -> &Data {
        &self.data
    }

    pub fn dtype(&self) -> DType {
        self.data.dtype()
    }

    /// The elements as f32.
    ///
    /// # Errors
    /// When the tensor is of another type: no silent conversion.
    pub fn as_f32(&self) -> Result<&[f32]> {
        match &self.data {
            Data::F32(v) => Ok(v),
            _ => Err(Error::tensor("data", format!("expected f32, found {}", self.dtype()))),
        }
    }

    /// The elements of an integer or boolean tensor as i64.
    ///
    /// # Errors
    /// When the tensor holds floating-point numbers.
    pub fn to_i64s(&self) -> Result<Vec<i64>> {
        match &self.data {
            Data::I64(v) => Ok(v.clone()),
            Data::I32(v) => Ok(v.iter().map(|&x| i64::from(x)).collect()),
            Data::Bool(v) => Ok(v.iter().map(|&x| i64::from(x)).collect()),
            Data::F32(_) => Err(Error::tensor("data", "expected integers, found f32")),
        }
    }

    /// The elements as a device holds them: every type as f32, booleans as 0 and 1.
    ///
    /// # Errors
    /// An integer that f32 does not hold exactly.
    pub fn to_device(&self) -> Result<Cow<'_, [f32]>> {
        if let Data::F32(values) = &self.data {
            return Ok(Cow::Borrowed(values));
        }
        let exact = |v: i64| (v.unsigned_abs() <= MAX_DEVICE_INTEGER).then_some(v as f32);
        let converted = self.to_i64s()?.into_iter().map(|v| exact(v).ok_or(v)).collect::<Result<_, i64>>();
        converted.map(Cow::Owned).map_err(|v| {
            let reason = format!("integer {v} is beyond 2^24, up to where devices hold integers exactly");
            Error::tensor("data", format!("{reason}; run it with --device cpu"))
        })
    }

    /// A tensor of this type from the elements as a device holds them.
    ///
    /// # Errors
    /// A number that is not of the type: the device computed nonsense.
    pub fn from_device(shape: impl Into<Vec<usize>>, values: Vec<f32>, dtype: DType) -> Result<Self> {
        let nonsense = |v: f32| match v.fract() == 0.0 && dtype != DType::Bool {
            true => {
                let reason = format!("{v} is beyond 2^24, up to where devices hold {dtype} exactly");
                Error::tensor("output", format!("{reason}; run it with --device cpu"))
            }
            false => Error::tensor("output", format!("the device answered {v} where {dtype} is due")),
        };
        let whole = |v: f32| match v.fract() == 0.0 && v.abs() <= MAX_DEVICE_INTEGER as f32 {
            true => Ok(v as i64),
            false => Err(nonsense(v)),
        };
        let whole = |values: Vec<f32>| values.into_iter().map(whole).collect::<Result<Vec<i64>>>();
        let data = match dtype {
            DType::F32 => Data::F32(values),
            DType::I64 => Data::I64(whole(values)?),
            // At most 2^24, so it fits.
            DType::I32 => Data::I32(whole(values)?.into_iter().map(|v| v as i32).collect()),
            DType::Bool => {
                let flag = |v: f32| if v == 0.0 || v == 1.0 { Ok(v == 1.0) } else { Err(nonsense(v)) };
                Data::Bool(values.into_iter().map(flag).collect::<Result<_>>()?)
            }
        };
        Tensor::new(shape, data)
    }

    /// The absolute values of an f32 tensor; other types as they are.
    pub fn absolute(&self) -> Self {
        let mut absolute = self.clone();
        if let Data::F32(values) = &mut absolute.data {
            values.iter_mut().for_each(|v| *v = v.abs());
        }
        absolute
    }

    /// The same elements in another shape.
    ///
    /// # Errors
    /// When the number of elements differs.
    pub fn reshaped(self, shape: impl Into<Vec<usize>>) -> Result<Self> {
        Tensor::new(shape, self.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_the_device() {
        let tensors = [Data::I64(vec![-(1 << 24), 7]), Data::I32(vec![0, -1]), Data::Bool(vec![true, false])];
        for data in tensors {
            let tensor = Tensor::new([2], data).unwrap();
            let values = tensor.to_device().unwrap().into_owned();
            assert_eq!(Tensor::from_device([2], values, tensor.dtype()).unwrap(), tensor);
        }
    }

    #[test]
    fn what_a_type_does_not_hold_is_refused() {
        assert!(Tensor::from_i64s(&[(1 << 24) + 1]).to_device().is_err());
        for bad in [f32::NAN, 0.5, f32::INFINITY, 2.0] {
            assert!(Tensor::from_device([1], vec![bad], DType::Bool).is_err());
        }
        assert!(Tensor::from_device([1], vec![f32::NAN], DType::I64).is_err());
    }
}
