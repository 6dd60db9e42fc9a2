//! One function of any number of tensors with broadcasting: what Min, Max, Sum and Mean share.
//!
//! Two operands are an element-wise node like any other, which fuses; more are a chain of them.

use std::sync::Arc;

use super::activation::Activation;
use super::broadcast::broadcast;
use super::case::Case;
use super::epilogue::{Epilogue, Stage};
use super::kernel::Kernel;
use super::pointwise::{BINARY_KERNELS, Binary, Broadcast, Pointwise};
use super::{Info, Op, Reason, TensorType, Tolerance, required};
use crate::plan::lowering::{Layout, Lowering};
use crate::tensor::{DType, Tensor};

pub static KERNELS: &[&Kernel] = BINARY_KERNELS;

/// A function of two operands, applied from the first input to the last.
#[derive(Debug)]
pub struct Variadic {
    binary: Binary,
    /// Whether the result is divided by the number of inputs.
    mean: bool,
}

impl Variadic {
    pub fn of(binary: Binary) -> Self {
        Variadic { binary, mean: false }
    }

    pub fn mean() -> Self {
        Variadic { binary: Binary::Add, mean: true }
    }

    /// What follows the last of so many inputs.
    fn tail(&self, inputs: usize) -> Epilogue {
        let scale = 1.0 / inputs as f32;
        let first = if self.mean { Activation::Affine { scale, shift: 0.0 } } else { Activation::None };
        Epilogue { first, ..Epilogue::default() }
    }

    /// The node as an element-wise one, where it has two inputs.
    fn pair<T>(&self, inputs: &[Option<T>]) -> Option<Pointwise> {
        let mut pair = Pointwise::of(self.binary);
        pair.epilogue = self.tail(2);
        (inputs.len() == 2).then_some(pair)
    }

    /// The chain of all inputs but the first, on row-major memory.
    fn lower_chain(&self, node: &mut Lowering) -> Result<(), Reason> {
        let (mut so_far, mut shape) = (node.input(0, Layout::Plain)?, node.input_shape(0)?);
        let last = node.input_count() - 1;
        for position in 1..=last {
            let (other, other_shape) = (node.input(position, Layout::Plain)?, node.input_shape(position)?);
            let joined = broadcast(&shape, &other_shape)?;
            let is_last = position == last;
            let to = if is_last { node.output(Layout::Plain)? } else { node.scratch(joined.elements()) };
            let epilogue = if is_last { self.tail(last + 1) } else { Epilogue::default() };
            let operands = [(so_far, &shape), (other, &other_shape)];
            Broadcast { binary: self.binary, epilogue: &epilogue, operands, shape: &joined }
                .emit(node, to)?;
            (so_far, shape) = (to, joined);
        }
        Ok(())
    }
}

impl Op for Variadic {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let first = required(inputs, 0)?;
        let (mut shape, mut dtype) = (first.shape.clone(), first.dtype);
        if self.mean && dtype != DType::F32 {
            return Err(Reason(format!("element type {dtype} is not supported here")));
        }
        for position in 1..inputs.len() {
            let other = required(inputs, position)?;
            dtype = self.binary.result(first, other)?;
            shape = broadcast(&shape, &other.shape)?;
        }
        Ok(vec![TensorType { shape, dtype }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let mut so_far = (*required(inputs, 0)?).clone();
        for position in 1..inputs.len() {
            let step = Pointwise::of(self.binary);
            so_far = step.run(&[Some(&so_far), Some(*required(inputs, position)?)])?.remove(0);
        }
        Pointwise::unary(self.tail(inputs.len())).run(&[Some(&so_far)])
    }

    fn is_view(&self, inputs: &[Option<Info>]) -> bool {
        inputs.len() == 1
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        match self.pair(&node.infos()) {
            Some(pair) => pair.lower(node),
            None => self.lower_chain(node),
        }
    }

    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        match self.binary {
            // A rounding an addition; the mean's factor is rounded, and so is its product.
            Binary::Add => Tolerance::Products { terms: inputs.len() + 2 },
            _ => Tolerance::Exact,
        }
    }

    fn as_stage(&self, inputs: &[Option<Info>], position: usize) -> Option<Stage> {
        self.pair(inputs)?.as_stage(inputs, position)
    }

    fn with_stage(&self, stage: &Stage, inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        self.pair(inputs)?.with_stage(stage, inputs)
    }
}

/// Cases of any number of inputs.
pub fn cases(operator: &'static str) -> Vec<Case> {
    let case = |name: &str, shapes: &[&[usize]]| {
        shapes.iter().fold(Case::new(operator, name), |case, shape| case.given(shape))
    };
    vec![
        case("one input", &[&[2, 3]]),
        case("one element", &[&[1], &[1]]),
        case("same shape", &[&[2, 3, 5, 7], &[2, 3, 5, 7]]),
        case("three", &[&[2, 3, 5], &[2, 3, 5], &[2, 3, 5]]),
        case("four repeat", &[&[5], &[3, 1], &[2, 1, 1], &[]]),
        case("with a constant", &[&[2, 3], &[2, 3]]).constant(&[3]),
    ]
}
