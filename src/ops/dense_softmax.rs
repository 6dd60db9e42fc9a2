//! A dense layer with a softmax along its rows, the end of a classifier, in one dispatch. No ONNX operator is behind it:
//! the graph's passes make it of Gemm or MatMul with constant weights, and Softmax.

use std::sync::Arc;

use super::activation::ACTIVATION;
use super::epilogue::Epilogue;
use super::fusion::{FusedCase, Fusion};
use super::kernel::Kernel;
use super::product::Product;
use super::{Info, Op, Reason, TensorType, Tolerance};
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, WORKGROUP, size};
use crate::tensor::{DType, Shape, Tensor};

pub static DENSE_SOFTMAX: Fusion = Fusion { name: "dense_softmax", kernels: &[&KERNEL], cases };

/// Columns for which a workgroup has a lane each, in groups of four.
const MOST_COLUMNS: usize = 4 * WORKGROUP as usize;

/// A workgroup reads all weights: with more than these two dispatches on many workgroups are faster.
const MOST_WEIGHTS: usize = 1 << 16;

fn cases() -> Vec<FusedCase> {
    let dense = |name: &str, rows: usize, k: usize, columns: usize| {
        FusedCase::new(name).given("x", &[rows, k]).dense("x", "d", &[k, columns])
    };
    let soft = |case: FusedCase| case.node("Softmax", &["d"], "y").int("axis", -1);
    vec![
        soft(dense("one", 1, 1, 1)),
        soft(dense("four classes", 1, 128, 4)),
        soft(dense("batch with bias", 5, 33, 10).bias(10)),
        soft(dense("odd", 3, 7, 5).bias(5)),
        soft(dense("whole groups with bias", 4, 12, 9).bias(9)),
        // Without the largest taken away, exponentials would be infinite, or all zero.
        soft(dense("far apart", 24, 20, 6).float("alpha", 64.0)),
        soft(dense("far below zero", 12, 20, 1).float("alpha", 64.0)),
        soft(dense("as many columns as lanes", 2, 19, 256)),
        soft(dense("more lanes than columns", 2, 70, 133).bias(133)),
        dense("activation between", 3, 20, 6).node("Relu", &["d"], "r").node("Softmax", &["r"], "y"),
    ]
}

#[derive(Debug)]
pub struct DenseSoftmax {
    product: Product,
    epilogue: Epilogue,
}

impl DenseSoftmax {
    /// The layer with the softmax; `None` where that would be slower than one after the other.
    pub fn of(product: Product, epilogue: Epilogue) -> Option<Arc<dyn Op>> {
        let fits = product.columns <= MOST_COLUMNS && product.k * product.columns <= MOST_WEIGHTS;
        fits.then(|| Arc::new(DenseSoftmax { product, epilogue }) as Arc<dyn Op>)
    }

    fn shape(&self) -> [usize; 2] {
        [self.product.rows, self.product.columns]
    }
}

fn softmax(row: &[f32]) -> Vec<f32> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = row.iter().map(|v| (f64::from(*v) - f64::from(largest)).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| (power / sum) as f32).collect()
}

impl Op for DenseSoftmax {
    fn infer(&self, _inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        Ok(vec![TensorType::new(self.shape(), DType::F32)?])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let sums = self.product.run(inputs, &self.epilogue)?;
        let rows = sums.chunks_exact(self.product.columns.max(1));
        Ok(vec![Tensor::from_f32(self.shape(), rows.flat_map(softmax).collect())?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let product = &self.product;
        let weights = node.constant(1).ok_or("the weights are not constant")?;
        let bias = node.constant(2);
        let (values, bias) = (weights.as_f32()?, bias.as_deref().map(Tensor::as_f32).transpose()?);
        let packed = product.pack(values, bias, &self.epilogue, &(0..product.columns));
        let (a, w) = (node.input(0, Layout::Plain)?, node.weights("dense from 0", packed));
        let y = node.output(Layout::Plain)?;
        let quads = product.columns.div_ceil(4);
        let lanes = quads.next_power_of_two() as u64;
        let epilogue = &self.epilogue;
        let ([first_a, first_b], [last_a, last_b]) = (epilogue.first.constants(), epilogue.last.constants());
        let params = DenseSoftmaxParams {
            rows: size(product.rows)?,
            k: size(product.k)?,
            columns: size(product.columns)?,
            quads: size(quads)?,
            first_a,
            first_b,
            last_a,
            last_b,
        };
        let slices = WORKGROUP / lanes;
        node.dispatch(Dispatch {
            kernel: &KERNEL,
            constants: vec![
                ("FIRST", f64::from(epilogue.first.code())),
                ("LAST", f64::from(epilogue.last.code())),
                ("LANES", lanes as f64),
                ("SLICES", slices as f64),
            ],
            inputs: vec![a, w],
            output: y,
            params,
            invocations: product.rows as u64 * WORKGROUP,
            rounds: (product.k as u64).div_ceil(slices) + slices + 2 * product.columns as u64 + 4,
        })
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        // An error of the sums counts twice, in a power and in what all are divided by. WebNN's 3n + 3 for the softmax of
        // exact sums, and 32 for the exponential.
        let (k, n) = (self.product.k, self.product.columns);
        Tolerance::Products { terms: 2 * (k + 3) + 3 * n + 3 + 32 }
    }

    /// Errors of the sums are in proportion to their absolute products, and those of the result to itself.
    fn magnitudes(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let result = self.run(inputs)?.swap_remove(0);
        let absolute: Vec<Option<Tensor>> = inputs.iter().map(|t| t.map(Tensor::absolute)).collect();
        let product = self.product.absolute();
        let sums = product
            .run(&absolute.iter().map(Option::as_ref).collect::<Vec<_>>(), &self.epilogue.absolute())?;
        let columns = self.product.columns.max(1);
        let rows = sums.chunks_exact(columns).zip(result.as_f32()?.chunks_exact(columns));
        let data = rows.flat_map(|(sums, results)| {
            let largest = sums.iter().copied().fold(0.0, f32::max);
            results.iter().map(move |y| y * (1.0 + largest))
        });
        Ok(vec![Tensor::from_f32(self.shape(), data.collect())?])
    }

    fn multiply_adds(&self, _inputs: &[Option<Info>], _output: &Shape) -> u64 {
        self.product.multiply_adds()
    }
}

params! {
    struct DenseSoftmaxParams {
        rows: u32, k: u32, columns: u32, quads: u32,
        first_a: f32, first_b: f32, last_a: f32, last_b: f32,
    }
}

static KERNEL: Kernel = Kernel {
    name: "dense_softmax_f32",
    sources: &[
        include_str!("../../shaders/grid.wgsl"),
        ACTIVATION,
        include_str!("../../shaders/epilogue.wgsl"),
        include_str!("../../shaders/dense_softmax_f32.wgsl"),
    ],
    params: DenseSoftmaxParams::LAYOUT,
    subgroups: false,
};
