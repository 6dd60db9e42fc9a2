//! Matrix products: what Gemm and MatMul share. `y = alpha * a * b + beta * c`, batched.
//!
//! With constant weights a product is a dense layer, which packs them and takes up what follows it;
//! otherwise a general kernel reads both operands in whatever order they lie.

use std::ops::Range;

use super::activation::ACTIVATION;
use super::broadcast::positions;
use super::epilogue::Epilogue;
use super::kernel::Kernel;
use super::pointwise::eight;
use super::{Reason, required};
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, Place, WORKGROUP, size};
use crate::tensor::{Shape, Tensor};

/// A product with its shapes resolved; all strides in elements.
#[derive(Debug, Clone)]
pub struct Product {
    pub rows: usize,
    pub k: usize,
    pub columns: usize,
    pub batch: Shape,
    pub a: Operand,
    pub b: Operand,
    /// Row and column stride of `c`, where there is one.
    pub c: Option<[usize; 2]>,
    pub alpha: f32,
    pub beta: f32,
}

/// How an operand lies: the distance from one batch, row and column to the next.
#[derive(Debug, Clone)]
pub struct Operand {
    pub batch_strides: Vec<usize>,
    pub strides: [usize; 2],
}

impl Product {
    pub fn multiply_adds(&self) -> u64 {
        let factors = [self.batch.elements(), self.rows, self.k, self.columns];
        factors.into_iter().fold(1, |product, n| product.saturating_mul(n as u64))
    }

    /// The product for absolute values of its operands.
    pub fn absolute(&self) -> Product {
        Product { alpha: self.alpha.abs(), beta: self.beta.abs(), ..self.clone() }
    }

    /// The twin, each sum handed through the epilogue.
    pub fn run(&self, inputs: &[Option<&Tensor>], epilogue: &Epilogue) -> Result<Vec<f32>, Reason> {
        let (a, b) = (required(inputs, 0)?.as_f32()?, required(inputs, 1)?.as_f32()?);
        let c = match self.c {
            Some(strides) => Some((required(inputs, 2)?.as_f32()?, strides)),
            None => None,
        };
        let a_batches = positions(&self.batch, &self.a.batch_strides);
        let b_batches = positions(&self.batch, &self.b.batch_strides);
        let mut result = Vec::new();
        for (&a_first, &b_first) in a_batches.iter().zip(&b_batches) {
            for row in 0..self.rows {
                for column in 0..self.columns {
                    let term = |k: usize| {
                        let x = a[a_first + row * self.a.strides[0] + k * self.a.strides[1]];
                        let w = b[b_first + k * self.b.strides[0] + column * self.b.strides[1]];
                        f64::from(x) * f64::from(w)
                    };
                    let sum = f64::from(self.alpha) * (0..self.k).map(term).sum::<f64>();
                    let added = c.map_or(0.0, |(c, strides)| {
                        f64::from(self.beta) * f64::from(c[row * strides[0] + column * strides[1]])
                    });
                    result.push(epilogue.apply(sum + added, column, 0.0) as f32);
                }
            }
        }
        Ok(result)
    }

    /// The product with both operands as they lie.
    pub fn lower_general(&self, node: &mut Lowering) -> Result<(), Reason> {
        let (a, b) = (node.input(0, Layout::Plain)?, node.input(1, Layout::Plain)?);
        let c = if self.c.is_some() { node.input(2, Layout::Plain)? } else { b };
        let y = node.output(Layout::Plain)?;
        let [c_row_stride, c_column_stride] = self.c.unwrap_or([0, 0]);
        let params = MatMulParams {
            batch_shape: eight(&self.batch, 1)?,
            a_batch_strides: eight(&self.a.batch_strides, 0)?,
            b_batch_strides: eight(&self.b.batch_strides, 0)?,
            batches: size(self.batch.elements())?,
            rows: size(self.rows)?,
            k: size(self.k)?,
            columns: size(self.columns)?,
            a_row_stride: size(self.a.strides[0])?,
            a_k_stride: size(self.a.strides[1])?,
            b_k_stride: size(self.b.strides[0])?,
            b_column_stride: size(self.b.strides[1])?,
            c_row_stride: size(c_row_stride)?,
            c_column_stride: size(c_column_stride)?,
            alpha: self.alpha,
            beta: self.beta,
        };
        let tiles = self.batch.elements() * self.rows.div_ceil(4) * self.columns.div_ceil(4);
        node.dispatch(Dispatch {
            kernel: &MATMUL,
            constants: vec![("HAS_C", f64::from(self.c.is_some()))],
            inputs: vec![a, b, c],
            output: y,
            params,
            invocations: tiles as u64,
            rounds: self.k as u64 + 8,
        })
    }

    /// The product as a dense layer: `b` and `c` constant, one batch, rows of `a` one after another.
    pub fn lower_dense(&self, node: &mut Lowering, epilogue: &Epilogue) -> Result<(), Reason> {
        let weights = node.constant(1).ok_or("the weights are not constant")?;
        let bias = node.constant(2);
        let (values, bias) = (weights.as_f32()?, bias.as_deref().map(Tensor::as_f32).transpose()?);
        let a = node.input(0, Layout::Plain)?;
        let y = node.output(Layout::Plain)?;
        for columns in self.parts(node.target().max_binding) {
            let key = format!("dense from {}", columns.start);
            let w = node.weights(&key, self.pack(values, bias, epilogue, &columns));
            self.dispatch_dense(node, epilogue, &columns, [a, w, y])?;
        }
        Ok(())
    }

    /// The columns, in as many parts as it takes for the weights of each to fit a binding.
    fn parts(&self, max_binding: u64) -> Vec<Range<usize>> {
        let bytes = (self.k.next_multiple_of(4) as u64 + 1) * 4;
        let fitting = usize::try_from(max_binding / bytes).unwrap_or(self.columns) / 4 * 4;
        let step = if fitting == 0 { self.columns } else { fitting };
        (0..self.columns).step_by(step.max(1)).map(|first| first..(first + step).min(self.columns)).collect()
    }

    fn dispatch_dense(
        &self,
        node: &mut Lowering,
        epilogue: &Epilogue,
        columns: &Range<usize>,
        [a, w, y]: [Place; 3],
    ) -> Result<(), Reason> {
        let quads = columns.len().div_ceil(4);
        let rows_per_lane = if self.rows == 1 { 1 } else { 4 };
        let results = self.rows.div_ceil(rows_per_lane) as u64 * quads as u64;
        let slices = slices(results, self.k);
        let ([first_a, first_b], [last_a, last_b]) = (epilogue.first.constants(), epilogue.last.constants());
        let params = DenseParams {
            rows: size(self.rows)?,
            k: size(self.k)?,
            columns: size(columns.len())?,
            quads: size(quads)?,
            first_column: size(columns.start)?,
            all_columns: size(self.columns)?,
            first_a,
            first_b,
            last_a,
            last_b,
        };
        node.dispatch(Dispatch {
            kernel: &DENSE,
            constants: vec![
                ("FIRST", f64::from(epilogue.first.code())),
                ("LAST", f64::from(epilogue.last.code())),
                ("ROWS", rows_per_lane as f64),
                ("SLICES", slices as f64),
                ("K_ALIGNED", f64::from(self.k.is_multiple_of(4))),
                ("COLUMNS_ALIGNED", f64::from(columns.len().is_multiple_of(4))),
            ],
            inputs: vec![a, w],
            output: y,
            params,
            invocations: results.div_ceil(WORKGROUP / slices) * WORKGROUP,
            rounds: (self.k as u64).div_ceil(4 * slices) + slices,
        })
    }

    /// Weights and bias of some columns with alpha, beta and the epilogue's `pre` folded in, padded with zeros.
    pub(super) fn pack(
        &self,
        weights: &[f32],
        bias: Option<&[f32]>,
        epilogue: &Epilogue,
        columns: &Range<usize>,
    ) -> Vec<f32> {
        let width = columns.len().next_multiple_of(4);
        let depth = self.k.next_multiple_of(4);
        let mut packed = vec![0.0; (depth + 1) * width];
        for (place, column) in columns.clone().enumerate() {
            let (scale, shift) = epilogue
                .pre
                .as_ref()
                .map_or((1.0, 0.0), |pre| (f64::from(pre.scale[column]), f64::from(pre.shift[column])));
            for k in 0..self.k {
                let weight = f64::from(weights[k * self.b.strides[0] + column * self.b.strides[1]]);
                packed[k * width + place] = (weight * f64::from(self.alpha) * scale) as f32;
            }
            let added = match (bias, self.c) {
                (Some(bias), Some([_, stride])) => f64::from(bias[column * stride]) * f64::from(self.beta),
                _ => 0.0,
            };
            packed[depth * width + place] = (added * scale + shift) as f32;
        }
        packed
    }
}

/// How many lanes share a result: more where there are few results and a long way along k.
fn slices(results: u64, k: usize) -> u64 {
    let mut slices = 1;
    while slices < 16 && results * slices < 2048 && k as u64 >= slices * 64 {
        slices *= 2;
    }
    slices
}

/// Whether the epilogue is one that the dense kernel computes.
pub fn dense_computes(epilogue: &Epilogue) -> bool {
    epilogue.post.is_none() && !epilogue.residual
}

params! {
    struct DenseParams {
        rows: u32, k: u32, columns: u32, quads: u32, first_column: u32, all_columns: u32,
        first_a: f32, first_b: f32, last_a: f32, last_b: f32,
    }
}

params! {
    struct MatMulParams {
        batch_shape: [u32; 8], a_batch_strides: [u32; 8], b_batch_strides: [u32; 8],
        batches: u32, rows: u32, k: u32, columns: u32,
        a_row_stride: u32, a_k_stride: u32, b_k_stride: u32, b_column_stride: u32,
        c_row_stride: u32, c_column_stride: u32, alpha: f32, beta: f32,
    }
}

static DENSE: Kernel = Kernel {
    name: "dense_f32",
    sources: &[
        include_str!("../../shaders/grid.wgsl"),
        ACTIVATION,
        include_str!("../../shaders/epilogue.wgsl"),
        include_str!("../../shaders/dense_f32.wgsl"),
    ],
    params: DenseParams::LAYOUT,
    subgroups: false,
};

static MATMUL: Kernel = Kernel {
    name: "matmul_f32",
    sources: &[include_str!("../../shaders/grid.wgsl"), include_str!("../../shaders/matmul_f32.wgsl")],
    params: MatMulParams::LAYOUT,
    subgroups: false,
};

/// Kernels of matrix products.
pub static PRODUCT_KERNELS: &[&Kernel] = &[&DENSE, &MATMUL];
