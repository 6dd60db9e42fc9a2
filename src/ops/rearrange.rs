//! Moving elements: what Transpose, Pad, Slice, Concat and the shape arithmetic share.

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
#[derive(Debug, Clone, PartialEq)]
pub struct Copy {
    /// What is written.
    pub shape: Vec<usize>,
    pub x_shape: Vec<usize>,
    /// Where the input begins within what is written; negative where its first elements are left out.
    pub x_begin: Vec<i64>,
    /// Negative where the input is read backwards.
    pub x_strides: Vec<i64>,
    /// The input's element at position 0 of every dimension.
    pub x_offset: usize,
    pub y_strides: Vec<usize>,
    pub y_offset: usize,
    pub outside: Outside,
}

/// What lies outside of the input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outside {
    Fill(f32),
    Edge,
    /// Mirrored at the first and last element, as often as it takes.
    Reflect,
    Wrap,
}

/// One dimension of a copy.
#[derive(Debug, Clone, PartialEq)]
struct Dimension {
    size: usize,
    x_size: usize,
    begin: i64,
    x_stride: i64,
    y_stride: usize,
}

impl Dimension {
    /// Whether every position lies inside of the input.
    fn is_whole(&self) -> bool {
        self.begin == 0 && self.x_size == self.size
    }

    /// Whether this dimension and the next one in are one run of elements on both sides.
    fn continues(&self, inner: &Dimension) -> bool {
        let size = inner.size as i64;
        self.is_whole()
            && inner.is_whole()
            && inner.x_stride.checked_mul(size) == Some(self.x_stride)
            && self.y_stride == inner.y_stride * inner.size
    }
}

impl Copy {
    /// All elements of an input with these strides, written row-major.
    pub fn all(shape: &[usize], x_strides: Vec<i64>) -> Self {
        Copy {
            shape: shape.to_vec(),
            x_shape: shape.to_vec(),
            x_begin: vec![0; shape.len()],
            x_strides,
            x_offset: 0,
            y_strides: row_major(shape),
            y_offset: 0,
            outside: Outside::Fill(0.0),
        }
    }

    /// The dimensions without those that make no difference.
    fn dimensions(&self) -> Vec<Dimension> {
        let mut merged: Vec<Dimension> = Vec::new();
        for d in 0..self.shape.len() {
            let next = Dimension {
                size: self.shape[d],
                x_size: self.x_shape[d],
                begin: self.x_begin[d],
                x_stride: self.x_strides[d],
                y_stride: self.y_strides[d],
            };
            match merged.last_mut() {
                _ if next.size == 1 && next.is_whole() => {}
                Some(last) if last.continues(&next) => {
                    let size = last.size * next.size;
                    *last = Dimension { size, x_size: size, ..next };
                }
                _ => merged.push(next),
            }
        }
        merged
    }

    pub fn emit(&self, node: &mut Lowering, from: Place, to: Place) -> Result<(), Reason> {
        let elements: usize = self.shape.iter().product();
        let (code, fill) = match self.outside {
            Outside::Fill(value) => (0.0, value),
            Outside::Edge => (1.0, 0.0),
            Outside::Reflect => (2.0, 0.0),
            Outside::Wrap => (3.0, 0.0),
        };
        let dimensions = self.dimensions();
        let list = |of: fn(&Dimension) -> usize| dimensions.iter().map(of).collect::<Vec<_>>();
        let signed_list = |of: fn(&Dimension) -> i64| dimensions.iter().map(of).collect::<Vec<_>>();
        let params = CopyParams {
            shape: eight(&list(|d| d.size), 1)?,
            x_shape: eight_signed(&signed_list(|d| d.x_size as i64), 1)?,
            x_begin: eight_signed(&signed_list(|d| d.begin), 0)?,
            x_strides: eight_signed(&signed_list(|d| d.x_stride), 0)?,
            y_strides: eight(&list(|d| d.y_stride), 0)?,
            elements: size(elements)?,
            first: size(8 - dimensions.len())?,
            x_offset: signed(self.x_offset as i64)?,
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
            rounds: 8,
        })
    }
}

/// Row-major strides of a shape, as a copy reads.
pub fn read_strides(shape: &[usize]) -> Vec<i64> {
    row_major(shape).into_iter().map(|stride| stride as i64).collect()
}

fn row_major(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d] * shape[d];
    }
    strides
}

fn signed(value: i64) -> Result<i32, Reason> {
    i32::try_from(value).map_err(|_| Reason(format!("position {value} is beyond 31 bits")))
}

fn eight_signed(values: &[i64], fill: i32) -> Result<[i32; 8], Reason> {
    let mut places = [fill; 8];
    let start = 8usize.checked_sub(values.len()).ok_or("more than 8 dimensions are not supported")?;
    for (place, &value) in places[start..].iter_mut().zip(values) {
        *place = signed(value)?;
    }
    Ok(places)
}

params! {
    struct CopyParams {
        shape: [u32; 8], x_shape: [i32; 8], x_begin: [i32; 8], x_strides: [i32; 8], y_strides: [u32; 8],
        elements: u32, first: u32, x_offset: i32, y_offset: u32, fill: f32,
    }
}

pub static COPY_STRIDED: Kernel = Kernel {
    name: "copy_strided_f32",
    sources: &[include_str!("../../shaders/grid.wgsl"), include_str!("../../shaders/copy_strided_f32.wgsl")],
    params: CopyParams::LAYOUT,
    subgroups: false,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_that_make_no_difference_are_merged() {
        let transposed = Copy::all(&[2, 1, 3, 4, 5], vec![60, 60, 5, 15, 1]);
        let sizes = |copy: &Copy| copy.dimensions().iter().map(|d| d.size).collect::<Vec<_>>();
        assert_eq!(sizes(&transposed), [2, 3, 4, 5]);
        assert_eq!(sizes(&Copy::all(&[2, 3, 4], vec![12, 4, 1])), [24]);
        assert_eq!(sizes(&Copy::all(&[2, 3, 4], vec![12, -4, 1])), [2, 3, 4]);
        assert!(sizes(&Copy::all(&[1, 1], vec![1, 1])).is_empty());
        let padded = Copy { x_shape: vec![2, 3, 3], ..Copy::all(&[2, 3, 4], vec![9, 3, 1]) };
        assert_eq!(sizes(&padded), [6, 4]);
        // A run that ends at the edge of a plane of its own does not go on in the next one.
        let split = Copy { y_strides: vec![24, 4, 1], ..Copy::all(&[2, 3, 4], vec![12, 4, 1]) };
        assert_eq!(sizes(&split), [2, 12]);
    }
}
