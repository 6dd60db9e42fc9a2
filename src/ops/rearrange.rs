//! Moving elements: what Transpose, Pad, Concat and the shape arithmetic share.

use super::kernel::Kernel;
use super::pointwise::eight;
use super::{Info, Reason};
use crate::params;
use crate::plan::lowering::{Dispatch, Lowering, Place, size};
use crate::tensor::{Data, Shape, Tensor};

/// The elements at these positions, which the caller has made sure exist.
pub fn pick(data: &Data, positions: &[usize]) -> Data {
    match data {
        Data::F32(v) => Data::F32(positions.iter().map(|&p| v[p]).collect()),
        Data::I64(v) => Data::I64(positions.iter().map(|&p| v[p]).collect()),
        Data::I32(v) => Data::I32(positions.iter().map(|&p| v[p]).collect()),
        Data::Bool(v) => Data::Bool(positions.iter().map(|&p| v[p]).collect()),
    }
}

/// The elements of one tensor, then those of the other, which must be of the same type.
pub fn joined(a: &Data, b: &Data) -> Result<Data, Reason> {
    Ok(match (a, b) {
        (Data::F32(a), Data::F32(b)) => Data::F32([a.as_slice(), b].concat()),
        (Data::I64(a), Data::I64(b)) => Data::I64([a.as_slice(), b].concat()),
        (Data::I32(a), Data::I32(b)) => Data::I32([a.as_slice(), b].concat()),
        (Data::Bool(a), Data::Bool(b)) => Data::Bool([a.as_slice(), b].concat()),
        _ => return Err(Reason(format!("element types differ: {} and {}", a.dtype(), b.dtype()))),
    })
}

/// Types and shapes of tensors, with the elements of all but the first, which is data.
pub fn infos(inputs: &[Option<&Tensor>]) -> Vec<Option<Info>> {
    let info = |(position, tensor): (usize, &Option<&Tensor>)| {
        tensor.map(|t| Info {
            shape: t.shape().clone(),
            dtype: t.dtype(),
            value: (position > 0).then(|| std::sync::Arc::new(t.clone())),
        })
    };
    inputs.iter().enumerate().map(info).collect()
}

/// Refuses a tensor without elements, which no device buffer can hold.
pub fn expect_elements(shape: &Shape) -> Result<(), Reason> {
    if shape.elements() == 0 { Err(Reason(format!("shape {shape} holds no elements"))) } else { Ok(()) }
}

/// A move of elements, as the host states it; dimension by dimension.
pub struct Copy<'a> {
    /// What is written.
    pub shape: &'a [usize],
    pub x_shape: &'a [usize],
    /// Where the input begins within what is written; negative where its first elements are left out.
    pub x_begin: &'a [i64],
    pub x_strides: &'a [usize],
    pub y_strides: &'a [usize],
    pub y_offset: usize,
    pub outside: Outside,
}

/// What lies outside of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outside {
    Fill(f32),
    Edge,
    Reflect,
    Wrap,
}

impl Copy<'_> {
    pub fn emit(&self, node: &mut Lowering, from: Place, to: Place) -> Result<(), Reason> {
        let elements: usize = self.shape.iter().product();
        let (code, fill) = match self.outside {
            Outside::Fill(value) => (0.0, value),
            Outside::Edge => (1.0, 0.0),
            Outside::Reflect => (2.0, 0.0),
            Outside::Wrap => (3.0, 0.0),
        };
        let params = CopyParams {
            shape: eight(self.shape, 1)?,
            x_shape: signed(eight(self.x_shape, 1)?)?,
            x_begin: eight_begins(self.x_begin)?,
            x_strides: signed(eight(self.x_strides, 0)?)?,
            y_strides: eight(self.y_strides, 0)?,
            elements: size(elements)?,
            y_offset: size(self.y_offset)?,
            fill,
        };
        node.dispatch(Dispatch {
            kernel: &COPY_STRIDED,
            constants: vec![("OUTSIDE", code)],
            inputs: vec![from],
            output: to,
            params,
            invocations: elements as u64,
        })
    }
}

fn signed(values: [u32; 8]) -> Result<[i32; 8], Reason> {
    let mut places = [0; 8];
    for (place, value) in places.iter_mut().zip(values) {
        *place = i32::try_from(value).map_err(|_| Reason(format!("size {value} is beyond 31 bits")))?;
    }
    Ok(places)
}

fn eight_begins(values: &[i64]) -> Result<[i32; 8], Reason> {
    let mut places = [0; 8];
    let start = 8usize.checked_sub(values.len()).ok_or("more than 8 dimensions are not supported")?;
    for (place, &value) in places[start..].iter_mut().zip(values) {
        *place = i32::try_from(value).map_err(|_| Reason(format!("position {value} is beyond 31 bits")))?;
    }
    Ok(places)
}

params! {
    struct CopyParams {
        shape: [u32; 8], x_shape: [i32; 8], x_begin: [i32; 8], x_strides: [i32; 8], y_strides: [u32; 8],
        elements: u32, y_offset: u32, fill: f32,
    }
}

pub static COPY_STRIDED: Kernel = Kernel {
    name: "copy_strided_f32",
    sources: &[include_str!("../../shaders/grid.wgsl"), include_str!("../../shaders/copy_strided_f32.wgsl")],
    params: CopyParams::LAYOUT,
    subgroups: false,
};
