//! Slice: a part of a tensor, from a start to an end by steps. <https://onnx.ai/onnx/operators/onnx__Slice.html>
//!
//! Opset 10 turned the attributes into inputs and brought steps, 11 negative axes; 13 differs only in element
//! types. Computed at load.

use super::axes;
use super::broadcast::positions;
use super::folded::{Folded, Folding, Inputs, LIMITS, ints, tensor};
use super::rearrange::pick;
use super::{Operator, Reason, TensorType, optional};
use crate::tensor::{Shape, Tensor};

pub static SLICE: Operator = Operator {
    name: "Slice",
    opsets: 6..=25,
    limits: LIMITS,
    load: |attributes| {
        if attributes.opset >= 10 {
            return Ok(Folded::of(Slice { stated: None }));
        }
        let list =
            |name: &str| attributes.ints(name)?.ok_or_else(|| Reason(format!("attribute {name} is missing")));
        let bounds = Bounds {
            starts: list("starts")?,
            ends: list("ends")?,
            axes: attributes.ints("axes")?,
            steps: None,
        };
        Ok(Folded::of(Slice { stated: Some(bounds) }))
    },
    kernels: &[],
    cases: Vec::new,
};

#[derive(Debug)]
struct Slice {
    /// The bounds, where they are attributes.
    stated: Option<Bounds>,
}

#[derive(Debug, Clone)]
struct Bounds {
    starts: Vec<i64>,
    ends: Vec<i64>,
    axes: Option<Vec<i64>>,
    steps: Option<Vec<i64>>,
}

/// One dimension of a slice.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    start: usize,
    step: i64,
    count: usize,
}

impl Slice {
    fn bounds(&self, inputs: &Inputs) -> Result<Bounds, Reason> {
        if let Some(bounds) = &self.stated {
            return Ok(bounds.clone());
        }
        let list = |position| optional(inputs, position).map(|_| ints(inputs, position)).transpose();
        Ok(Bounds { starts: ints(inputs, 1)?, ends: ints(inputs, 2)?, axes: list(3)?, steps: list(4)? })
    }

    fn spans(&self, inputs: &Inputs) -> Result<Vec<Span>, Reason> {
        let shape = tensor(inputs, 0)?.shape();
        let Bounds { starts, ends, axes, steps } = self.bounds(inputs)?;
        let axes = match axes {
            Some(axes) => axes::resolve(&axes, shape.rank())?,
            None => (0..starts.len()).collect(),
        };
        let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3]
            || axes.iter().any(|&d| d >= shape.rank())
        {
            return Err("starts, ends, axes and steps do not fit together".into());
        }
        let mut spans: Vec<Span> = shape.iter().map(|&count| Span { start: 0, step: 1, count }).collect();
        for (i, &d) in axes.iter().enumerate() {
            spans[d] = span(shape[d], starts[i], ends[i], steps[i])?;
        }
        Ok(spans)
    }
}

/// The elements between two bounds, which count from the back where negative and are clamped.
fn span(size: usize, start: i64, end: i64, step: i64) -> Result<Span, Reason> {
    let size = i64::try_from(size).map_err(|_| "size too large")?;
    let from_front = |v: i64| if v < 0 { v.saturating_add(size) } else { v };
    let (start, end) = (from_front(start), from_front(end));
    let (start, end) = match step {
        0 => return Err("a step is zero".into()),
        1.. => (start.clamp(0, size), end.clamp(0, size)),
        _ => (start.clamp(-1, size - 1), end.clamp(-1, size - 1)),
    };
    let distance = if step > 0 { end - start } else { start - end };
    let count = if distance > 0 { (distance - 1) as u64 / step.unsigned_abs() + 1 } else { 0 };
    // Nothing is read where the count is 0, so the start no longer matters then.
    Ok(Span { start: start.max(0) as usize, step, count: count as usize })
}

impl Folding for Slice {
    fn infer(&self, inputs: &Inputs) -> Result<TensorType, Reason> {
        let sizes: Vec<usize> = self.spans(inputs)?.iter().map(|s| s.count).collect();
        TensorType::new(sizes, tensor(inputs, 0)?.dtype())
    }

    fn compute(&self, inputs: &Inputs) -> Result<Tensor, Reason> {
        let data = tensor(inputs, 0)?;
        let spans = self.spans(inputs)?;
        let shape = Shape::new(spans.iter().map(|s| s.count).collect::<Vec<_>>())?;
        let strides = data.shape().strides();
        // Positions along each dimension, then their sums: steps may be negative.
        let mut from = vec![0; shape.elements()];
        for (d, span) in spans.iter().enumerate() {
            let mut along = vec![0; shape.rank()];
            along[d] = 1;
            for (position, index) in from.iter_mut().zip(positions(&shape, &along)) {
                let at = span.start as i64 + index as i64 * span.step;
                *position += at as usize * strides[d];
            }
        }
        Ok(Tensor::new(shape.to_vec(), pick(data.data(), &from))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_clamped_and_counted() {
        let find = |start, end, step| span(10, start, end, step).unwrap();
        assert_eq!(find(2, 7, 2), Span { start: 2, step: 2, count: 3 });
        assert_eq!(find(-3, i64::MAX, 1), Span { start: 7, step: 1, count: 3 });
        assert_eq!(find(i64::MAX, i64::MIN, -1), Span { start: 9, step: -1, count: 10 });
        assert_eq!(find(8, 1, -3), Span { start: 8, step: -3, count: 3 });
        assert_eq!(find(5, 5, 1).count, 0);
        assert_eq!(find(0, 10, i64::MAX).count, 1);
        assert_eq!(find(9, i64::MIN, i64::MIN).count, 1);
        assert_eq!(span(0, 0, 1, -1).unwrap().count, 0);
        assert!(span(10, 0, 1, 0).is_err());
    }
}
