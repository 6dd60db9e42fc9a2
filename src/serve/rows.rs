//! Rows of tensors, `[N, ...]`: batches put together and taken apart.

use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Tensors of one kind of row behind each other, so many rows in all.
///
/// # Errors
/// Tensors that are not f32.
pub fn joined(tensors: &[&Tensor], rows: usize) -> Result<Tensor> {
    let mut shape = tensors.first().map(|tensor| tensor.shape().to_vec()).unwrap_or_default();
    if let Some(first) = shape.first_mut() {
        *first = rows;
    }
    let mut data = Vec::with_capacity(shape.iter().product());
    for tensor in tensors {
        data.extend_from_slice(tensor.as_f32()?);
    }
    Tensor::from_f32(shape, data)
}

/// Some rows of a tensor.
///
/// # Errors
/// Rows that it does not have; a tensor that is not f32.
pub fn part(tensor: &Tensor, first: usize, count: usize) -> Result<Tensor> {
    let mut shape = tensor.shape().to_vec();
    let all = shape.first().copied().unwrap_or(0).max(1);
    let row = tensor.shape().elements() / all;
    let values = tensor.as_f32()?.get(first * row..(first + count) * row);
    let values = values.ok_or_else(|| Error::tensor("output", "has fewer rows than the batch"))?;
    if let Some(first) = shape.first_mut() {
        *first = count;
    }
    Tensor::from_f32(shape, values.to_vec())
}

/// A tensor in parts of at most so many rows.
///
/// # Errors
/// A tensor that is not f32.
pub fn parts(tensor: &Tensor, most: usize) -> Result<Vec<Tensor>> {
    let (rows, most) = (tensor.shape().first().copied().unwrap_or(0), most.max(1));
    (0..rows).step_by(most).map(|first| part(tensor, first, most.min(rows - first))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_apart_is_whole_again_once_it_is_joined() {
        let whole = Tensor::from_f32([5, 2], (0..10).map(|i| i as f32).collect()).expect("a tensor");
        for (most, sizes) in [(1, vec![1; 5]), (2, vec![2, 2, 1]), (5, vec![5]), (9, vec![5])] {
            let parts = parts(&whole, most).expect("parts");
            assert_eq!(parts.iter().map(|part| part.shape()[0]).collect::<Vec<_>>(), sizes);
            assert_eq!(joined(&parts.iter().collect::<Vec<_>>(), 5).expect("a tensor"), whole);
        }
        assert!(part(&whole, 4, 2).is_err());
    }
}
