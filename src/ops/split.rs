//! Split: a tensor in parts along an axis. <https://onnx.ai/onnx/operators/onnx__Split.html>
//!
//! Negative axes since opset 11. The parts' sizes are an attribute up to opset 12 and an input since 13, which
//! must be known when the network is loaded; without them the parts are equal. Since 18 `num_outputs` says how
//! many, and the last part may be smaller.

use std::sync::Arc;

use super::case::Case;
use super::rearrange::{expect_elements, infos, pick};
use super::resample::MOVE_KERNELS;
use super::slice::{Span, lower_spans, sources};
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, axis, known_ints, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{Shape, Tensor};

pub static SPLIT: Operator = Operator {
    name: "Split",
    opsets: 6..=27,
    limits: "the sizes must be constant, and no part empty",
    load: |attributes| {
        let stated = if attributes.opset < 13 { attributes.ints("split")? } else { None };
        let count = if attributes.opset < 18 { None } else { attributes.optional_int("num_outputs")? };
        let count = match count {
            Some(count) => usize::try_from(count).ok(),
            None => Some(attributes.outputs),
        };
        let count = count.filter(|&count| count > 0).ok_or("attribute num_outputs must be positive")?;
        if count != attributes.outputs {
            return Err(Reason(format!("{count} parts for {} outputs", attributes.outputs)));
        }
        let may_be_uneven = attributes.opset >= 18;
        Ok(Arc::new(Split { axis: attributes.int("axis", 0)?, stated, count, may_be_uneven }))
    },
    kernels: MOVE_KERNELS,
    cases,
};

fn cases() -> Vec<Case> {
    let case = |name: &str, opset: i64, along: i64, outputs: usize, x: &[usize]| {
        Case::new("Split", name).opset(opset).int("axis", along).outputs(outputs).given(x)
    };
    vec![
        case("equal parts", 13, 0, 3, &[6, 5]),
        case("sizes as attribute", 11, -1, 2, &[2, 3, 7]).ints("split", &[2, 5]),
        case("sizes as input", 13, 1, 3, &[2, 6, 3]).integers(&[1, 3, 2]),
        case("a smaller last part", 18, 0, 4, &[7]).int("num_outputs", 4),
        case("whole groups of channels", 18, 1, 3, &[2, 11, 3, 2]).integers(&[4, 4, 3]),
        case("channels inside of a group", 18, 1, 2, &[1, 6, 3, 2]).int("num_outputs", 2),
        case("pixel columns", 18, 3, 2, &[2, 3, 2, 5]).int("num_outputs", 2),
        case("one part", 13, 0, 1, &[3]),
        case("five dimensions", 13, 2, 2, &[2, 1, 4, 3, 2]),
    ]
}

#[derive(Debug)]
struct Split {
    axis: i64,
    /// The sizes, where they are an attribute.
    stated: Option<Vec<i64>>,
    count: usize,
    may_be_uneven: bool,
}

impl Split {
    fn sizes(&self, size: usize, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let stated = match &self.stated {
            Some(sizes) => Some(sizes.clone()),
            None => known_ints(inputs, 1, "the list of sizes")?,
        };
        let Some(stated) = stated else { return self.equal(size) };
        let sizes: Option<Vec<usize>> = stated.iter().map(|&v| usize::try_from(v).ok()).collect();
        let total = |sizes: &Vec<usize>| sizes.iter().try_fold(0usize, |n, &s| n.checked_add(s));
        match sizes {
            Some(sizes) if sizes.len() == self.count && total(&sizes) == Some(size) => Ok(sizes),
            _ => Err(Reason(format!("sizes {stated:?} do not make {} parts of {size}", self.count))),
        }
    }

    fn equal(&self, size: usize) -> Result<Vec<usize>, Reason> {
        if !self.may_be_uneven && !size.is_multiple_of(self.count) {
            return Err(Reason(format!("{size} elements do not make {} equal parts", self.count)));
        }
        let part = size.div_ceil(self.count);
        let sizes = (0..self.count).map(|i| part.min(size.saturating_sub(i * part)));
        Ok(sizes.collect())
    }

    /// What every output takes of the input, by dimension.
    fn parts(&self, x: &Shape, inputs: &[Option<Info>]) -> Result<Vec<Vec<Span>>, Reason> {
        let along = axis(self.axis, x.rank())?;
        let whole: Vec<Span> = x.iter().map(|&size| Span::whole(size)).collect();
        let mut start = 0;
        let mut part = |count: usize| {
            let mut spans = whole.clone();
            spans[along] = Span { start, step: 1, count };
            start += count;
            spans
        };
        Ok(self.sizes(x[along], inputs)?.into_iter().map(&mut part).collect())
    }
}

fn counts(spans: &[Span]) -> Vec<usize> {
    spans.iter().map(|s| s.count).collect()
}

impl Op for Split {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        let parts = self.parts(&x.shape, inputs)?;
        let types: Vec<TensorType> =
            parts.iter().map(|spans| TensorType::new(counts(spans), x.dtype)).collect::<Result<_, _>>()?;
        if x.value.is_none() {
            types.iter().try_for_each(|part| expect_elements(&part.shape))?;
        }
        Ok(types)
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let part = |spans: Vec<Span>| {
            let data = pick(x.data(), &sources(x.shape(), &spans)?);
            Ok(Tensor::new(counts(&spans), data)?)
        };
        self.parts(x.shape(), &infos(inputs))?.into_iter().map(part).collect()
    }

    fn is_view(&self, _inputs: &[Option<Info>]) -> bool {
        self.count == 1
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let parts = self.parts(&node.input_shape(0)?, &node.infos())?;
        for (position, spans) in parts.iter().enumerate() {
            if node.is_read(position) {
                lower_spans(node, position, spans)?;
            }
        }
        Ok(())
    }

    fn known_inputs(&self) -> std::ops::Range<usize> {
        1..2
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}
