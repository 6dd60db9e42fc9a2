//! A matrix over the channels of every pixel: what a 1x1 convolution is to the fusions that take it up.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::epilogue::Epilogue;

/// `y[o] = tail(bias[o] + sum(weights[o,i] * x[i]))` at every pixel.
#[derive(Clone, PartialEq)]
pub struct PixelProduct {
    /// A row for every output channel.
    weights: Arc<[f32]>,
    bias: Arc<[f32]>,
    inputs: usize,
    /// What follows; a scale and shift directly after the product is part of the weights.
    pub tail: Epilogue,
}

/// Without the weights, which no kernel's speed depends on ([`crate::plan::site`]).
impl fmt::Debug for PixelProduct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PixelProduct({} to {}, {:?})", self.inputs(), self.outputs(), self.tail)
    }
}

impl PixelProduct {
    /// The product with `epilogue` after it; `weights` hold a row for every output channel.
    pub fn new(weights: &[f32], bias: Option<&[f32]>, inputs: usize, epilogue: &Epilogue) -> PixelProduct {
        let outputs = weights.len() / inputs.max(1);
        let (scale, shift) = match &epilogue.pre {
            Some(pre) => (pre.scale.clone(), pre.shift.clone()),
            None => (vec![1.0; outputs].into(), vec![0.0; outputs].into()),
        };
        let bias = |o: usize| bias.map_or(0.0, |b| b[o]) * scale[o] + shift[o];
        PixelProduct {
            weights: weights.iter().enumerate().map(|(i, w)| w * scale[i / inputs]).collect(),
            bias: (0..outputs).map(bias).collect(),
            inputs,
            tail: Epilogue { pre: None, ..epilogue.clone() },
        }
    }

    /// Input channels.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Output channels.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    pub fn bias(&self, output: usize) -> f32 {
        self.bias[output]
    }

    pub fn weight(&self, output: usize, input: usize) -> f32 {
        self.weights[output * self.inputs + input]
    }

    /// The same with all weights and biases positive: what it computes of absolute values bounds the error.
    pub fn absolute(&self) -> PixelProduct {
        let absolute = |values: &[f32]| values.iter().map(|v| v.abs()).collect();
        PixelProduct { weights: absolute(&self.weights), bias: absolute(&self.bias), ..self.clone() }
    }

    /// One output without its tail, for the twins; `input` reads the pixel.
    pub fn sum(&self, output: usize, input: impl Fn(usize) -> f32) -> f64 {
        let products = (0..self.inputs).map(|i| f64::from(self.weight(output, i)) * f64::from(input(i)));
        f64::from(self.bias[output]) + products.sum::<f64>()
    }

    /// Appends the rows of up to eight outputs in the order in which convolution kernels read them:
    /// `[I / 4][2 quads of outputs][4 inputs][4 outputs]`, zeros past the last channel.
    pub fn append_octet(&self, outputs: Range<usize>, packed: &mut Vec<f32>) {
        let start = packed.len();
        packed.resize(start + self.inputs.div_ceil(4) * 32, 0.0);
        for (o, output) in outputs.enumerate() {
            for i in 0..self.inputs {
                packed[start + i / 4 * 32 + o / 4 * 16 + i % 4 * 4 + o % 4] = self.weight(output, i);
            }
        }
    }
}
