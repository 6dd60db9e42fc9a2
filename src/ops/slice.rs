//! Slice: a part of a tensor, from a start to an end by steps. <https://onnx.ai/onnx/operators/onnx__Slice.html>
//!
//! Opset 10 turned the attributes into inputs and brought steps, 11 negative axes; 13 differs only in element
//! types. All but the data must be known when the network is loaded.

use super::axes;
use super::broadcast::positions;
use super::case::Case;
use super::moved::{Move, Moved};
use super::rearrange::{COPY_STRIDED, Copy, read_strides};
use super::resample::{MOVE_KERNELS, Resampling, Table, check_axis};
use super::{Info, Operator, Reason, known_ints};
use crate::plan::lowering::{Layout, Lowering};
use crate::tensor::Shape;

pub static SLICE: Operator = Operator {
    name: "Slice",
    opsets: 6..=27,
    limits: "starts, ends, axes and steps must be constant",
    load: |attributes| {
        if attributes.opset >= 10 {
            return Ok(Moved::of(Slice { stated: None }));
        }
        let list =
            |name: &str| attributes.ints(name)?.ok_or_else(|| Reason(format!("attribute {name} is missing")));
        let bounds = Bounds {
            starts: list("starts")?,
            ends: list("ends")?,
            axes: attributes.ints("axes")?,
            steps: None,
        };
        Ok(Moved::of(Slice { stated: Some(bounds) }))
    },
    kernels: MOVE_KERNELS,
    cases,
};

fn cases() -> Vec<Case> {
    let case = |name: &str, shape: &[usize], bounds: [&[i64]; 4]| {
        bounds.iter().fold(Case::new("Slice", name).given(shape), |case, list| case.integers(list))
    };
    let end = i64::MAX;
    vec![
        case("middle", &[4, 5, 6], [&[1, 2], &[3, 5], &[0, 2], &[1, 1]]),
        case("backwards", &[4, 5, 6], [&[-1, 4], &[i64::MIN, 0], &[0, -1], &[-1, -2]]),
        case("every third", &[2, 3, 11], [&[1], &[end], &[2], &[3]]),
        case("pixels", &[2, 5, 7, 6], [&[1, -1], &[7, i64::MIN], &[2, 3], &[2, -1]]),
        case("whole groups of channels", &[2, 11, 3, 2], [&[4, 1], &[8, 3], &[1, 2], &[1, 1]]),
        case("the last channels", &[2, 11, 3, 2], [&[8], &[end], &[1], &[1]]),
        case("channels inside of a group", &[1, 6, 3, 2], [&[1], &[5], &[1], &[1]]),
        case("everything", &[2, 3], [&[0], &[end], &[1], &[1]]),
        case("one of one", &[1], [&[-1], &[end], &[0], &[1]]),
        case("five dimensions", &[2, 3, 4, 3, 5], [&[1, 2, 0], &[3, 0, 5], &[1, 3, 4], &[1, -1, 2]]),
        Case::new("Slice", "attributes").opset(9).given(&[3, 4]).ints("starts", &[1]).ints("ends", &[-1]),
    ]
}

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
pub struct Span {
    pub start: usize,
    pub step: i64,
    pub count: usize,
}

impl Span {
    /// All of a dimension.
    pub fn whole(size: usize) -> Self {
        Span { start: 0, step: 1, count: size }
    }

    /// The input's positions, in order.
    fn positions(self) -> impl ExactSizeIterator<Item = usize> {
        // Within the input, as `span` has made sure.
        (0..self.count).map(move |i| (self.start as i64 + i as i64 * self.step) as usize)
    }
}

impl Slice {
    fn bounds(&self, inputs: &[Option<Info>]) -> Result<Bounds, Reason> {
        if let Some(bounds) = &self.stated {
            return Ok(bounds.clone());
        }
        let list = |position, what| known_ints(inputs, position, what);
        Ok(Bounds {
            starts: list(1, "the list of starts")?.ok_or("the starts are missing")?,
            ends: list(2, "the list of ends")?.ok_or("the ends are missing")?,
            axes: list(3, "the list of axes")?,
            steps: list(4, "the list of steps")?,
        })
    }

    fn spans(&self, shape: &Shape, inputs: &[Option<Info>]) -> Result<Vec<Span>, Reason> {
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
        let mut spans: Vec<Span> = shape.iter().map(|&size| Span::whole(size)).collect();
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
        // Backwards the start is at least the first element, unlike in numpy: the specification's clamping.
        _ => (start.min(size - 1).max(0), end.max(-1).min(size - 1)),
    };
    let distance = if step > 0 { end - start } else { start - end };
    let count = if distance > 0 && size > 0 { (distance - 1) as u64 / step.unsigned_abs() + 1 } else { 0 };
    // Nothing is read where the count is 0, so the start no longer matters then.
    Ok(Span { start: start.max(0) as usize, step, count: count as usize })
}

/// Emits the copy of a part of the first input to an output: what Slice and Split share.
pub fn lower_spans(node: &mut Lowering, position: usize, spans: &[Span]) -> Result<(), Reason> {
    let x_shape = node.input_shape(0)?;
    if let Some(resampling) = resampling(&x_shape, spans)?
        && resampling.layout(node, &COPY_STRIDED)? == Layout::ChannelsLast
    {
        return resampling.emit(node, position, Layout::ChannelsLast);
    }
    let shape: Vec<usize> = spans.iter().map(|s| s.count).collect();
    let strides = read_strides(&x_shape);
    let steps = strides.iter().zip(spans);
    // A dimension of one element takes no step, however large the one stated.
    let steps = steps.map(|(stride, s)| if s.count > 1 { stride * s.step } else { *stride });
    let copy = Copy {
        x_offset: spans.iter().zip(x_shape.strides()).map(|(s, stride)| s.start * stride).sum(),
        ..Copy::all(&shape, steps.collect())
    };
    let (from, to) = (node.input(0, Layout::Plain)?, node.output_at(position, Layout::Plain)?);
    copy.emit(node, from, to)
}

/// The same for a channels-last tensor: pixels by a table, channels in whole groups of four or to the last.
fn resampling(x_shape: &[usize], spans: &[Span]) -> Result<Option<Resampling>, Reason> {
    let [batch, channels, ..] = spans else { return Ok(None) };
    let is_aligned = channels.step == 1
        && channels.start.is_multiple_of(4)
        && (channels.count.is_multiple_of(4) || channels.start + channels.count == x_shape[1]);
    let is_long = x_shape[2..].iter().any(|&size| check_axis(size).is_err());
    if *batch != Span::whole(x_shape[0]) || !is_aligned || is_long {
        return Ok(None);
    }
    let mut tables = vec![None; x_shape.len()];
    for d in 2..x_shape.len() {
        if spans[d] != Span::whole(x_shape[d]) {
            tables[d] = Some(Table::of_indices(x_shape[d], spans[d].positions().map(Some))?);
        }
    }
    let channels = Some(channels.start..channels.start + channels.count);
    Ok(Some(Resampling { channels, ..Resampling::new(x_shape, tables) }))
}

impl Move for Slice {
    fn shape(&self, x: &Shape, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        Ok(self.spans(x, inputs)?.iter().map(|s| s.count).collect())
    }

    fn sources(&self, x: &Shape, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        sources(x, &self.spans(x, inputs)?)
    }

    fn is_view(&self, x: &Shape, inputs: &[Option<Info>]) -> bool {
        let whole = |spans: Vec<Span>| spans.iter().zip(&**x).all(|(&s, &size)| s == Span::whole(size));
        self.spans(x, inputs).is_ok_and(whole)
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let spans = self.spans(&node.input_shape(0)?, &node.infos())?;
        lower_spans(node, 0, &spans)
    }
}

/// The twin: positions along each dimension, summed.
pub fn sources(x: &Shape, spans: &[Span]) -> Result<Vec<usize>, Reason> {
    let shape = Shape::new(spans.iter().map(|s| s.count).collect::<Vec<_>>())?;
    let strides = x.strides();
    let mut from = vec![0; shape.elements()];
    for (d, span) in spans.iter().enumerate() {
        let mut along = vec![0; shape.rank()];
        along[d] = 1;
        for (position, index) in from.iter_mut().zip(positions(&shape, &along)) {
            let at = span.start as i64 + index as i64 * span.step;
            *position += at as usize * strides[d];
        }
    }
    Ok(from)
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
        assert_eq!(find(-12, i64::MIN, -2), Span { start: 0, step: -2, count: 1 });
        assert_eq!(find(-12, 0, -1).count, 0);
        assert_eq!(find(5, 5, 1).count, 0);
        assert_eq!(find(0, 10, i64::MAX).count, 1);
        assert_eq!(find(9, i64::MIN, i64::MIN).count, 1);
        assert_eq!(span(0, 0, 1, -1).unwrap().count, 0);
        assert!(span(10, 0, 1, 0).is_err());
    }
}
