//! ONNX broadcasting: right-aligned shapes in which sizes of 1 repeat.
//! <https://onnx.ai/onnx/repo-docs/Broadcasting.html>

use super::Reason;
use crate::tensor::Shape;

/// The shape that both operands are repeated to.
pub fn broadcast(a: &Shape, b: &Shape) -> Result<Shape, Reason> {
    let rank = a.rank().max(b.rank());
    let (left, right) = (padded(a, rank), padded(b, rank));
    let sizes: Option<Vec<usize>> = left
        .iter()
        .zip(&right)
        .map(|(&x, &y)| match (x, y) {
            _ if x == y => Some(x),
            (1, _) => Some(y),
            (_, 1) => Some(x),
            _ => None,
        })
        .collect();
    let sizes = sizes.ok_or_else(|| Reason(format!("shapes {a} and {b} do not broadcast")))?;
    Ok(Shape::new(sizes)?)
}

/// The sizes with ones in front up to this rank.
pub fn padded(shape: &Shape, rank: usize) -> Vec<usize> {
    let mut sizes = vec![1; rank.saturating_sub(shape.rank())];
    sizes.extend_from_slice(shape);
    sizes
}

/// Row-major strides of an operand within the broadcast shape: 0 along dimensions that it repeats.
pub fn strides(operand: &Shape, to: &Shape) -> Vec<usize> {
    let mut strides = vec![0; to.rank() - operand.rank()];
    let own = operand.strides();
    strides.extend(operand.iter().zip(own).map(|(&size, stride)| if size == 1 { 0 } else { stride }));
    strides
}

/// For every element of `shape`, row-major, its position under the given strides.
pub fn positions(shape: &Shape, strides: &[usize]) -> Vec<usize> {
    let mut positions = Vec::with_capacity(shape.elements());
    let mut index = vec![0; shape.rank()];
    let mut at = 0;
    for _ in 0..shape.elements() {
        positions.push(at);
        for d in (0..shape.rank()).rev() {
            index[d] += 1;
            at += strides[d];
            if index[d] < shape[d] {
                break;
            }
            at -= strides[d] * shape[d];
            index[d] = 0;
        }
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(dims: &[usize]) -> Shape {
        Shape::new(dims).unwrap()
    }

    #[test]
    fn sizes_of_one_repeat() {
        let (a, b) = (shape(&[2, 1, 3]), shape(&[4, 1]));
        let to = broadcast(&a, &b).unwrap();
        assert_eq!(to, shape(&[2, 4, 3]));
        assert_eq!(strides(&a, &to), [3, 0, 1]);
        assert_eq!(strides(&b, &to), [0, 1, 0]);
        assert_eq!(positions(&shape(&[2, 3]), &[0, 1]), [0, 1, 2, 0, 1, 2]);
        assert!(broadcast(&shape(&[2]), &shape(&[3])).is_err());
    }
}
