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

/// A tensor in parts of at most so many rows; itself, where it has no more.
///
/// # Errors
/// A tensor of more that is not f32.
pub fn parts(tensor: Tensor, most: usize) -> Result<Vec<Tensor>> {
    let (rows, most) = (tensor.shape().first().copied().unwrap_or(0), most.max(1));
    if rows <= most {
        return Ok(vec![tensor]);
    }
    (0..rows).step_by(most).map(|first| part(&tensor, first, most.min(rows - first))).collect()
}

/// The outputs of parts, each list in the network's order, as outputs of the whole, of so many rows.
///
/// # Errors
/// Outputs that are not f32, where there are several parts.
pub fn whole(mut parts: Vec<Vec<Tensor>>, rows: usize) -> Result<Vec<Tensor>> {
    if parts.len() <= 1 {
        return Ok(parts.pop().unwrap_or_default());
    }
    let outputs = parts.first().map_or(0, Vec::len);
    let of = |output| parts.iter().filter_map(|own| own.get(output)).collect::<Vec<&Tensor>>();
    (0..outputs).map(|output| joined(&of(output), rows)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_apart_is_whole_again_once_it_is_joined() {
        let all = Tensor::from_f32([5, 2], (0..10).map(|i| i as f32).collect()).expect("a tensor");
        for (most, sizes) in [(1, vec![1; 5]), (2, vec![2, 2, 1]), (5, vec![5]), (9, vec![5])] {
            let parts = parts(all.clone(), most).expect("parts");
            assert_eq!(parts.iter().map(|part| part.shape()[0]).collect::<Vec<_>>(), sizes);
            let outputs = parts.into_iter().map(|part| vec![part.clone(), part]).collect();
            assert_eq!(whole(outputs, 5).expect("outputs"), [all.clone(), all.clone()]);
        }
        assert!(part(&all, 4, 2).is_err());
    }
}
