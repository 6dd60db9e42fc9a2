//! Gemm: `y = alpha * a * b + beta * c`, either factor transposed on demand.
//! <https://onnx.ai/onnx/operators/onnx__Gemm.html>
//!
//! Opset 7 brought broadcasting of `c`, 11 its absence; 9 and 13 differ only in element types.

use std::sync::Arc;

use super::broadcast::{padded, strides};
use super::case::Case;
use super::epilogue::{Epilogue, Stage};
use super::product::{Operand, PRODUCT_KERNELS, Product, dense_computes};
use super::rearrange::expect_elements;
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, expect_f32, optional, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{DType, Shape, Tensor};

pub static GEMM: Operator = Operator {
    name: "Gemm",
    opsets: 6..=27,
    limits: "",
    load: |attributes| {
        // Before operator set 7 the flag asked for what has been the rule since.
        if attributes.opset < 7 {
            attributes.ignore("broadcast");
        }
        Ok(Arc::new(Gemm {
            alpha: attributes.float("alpha", 1.0)?,
            beta: attributes.float("beta", 1.0)?,
            transpose_a: attributes.flag("transA", false)?,
            transpose_b: attributes.flag("transB", false)?,
            epilogue: Epilogue::default(),
        }))
    },
    kernels: PRODUCT_KERNELS,
    cases,
};

fn cases() -> Vec<Case> {
    let dense = |name: &str, m: usize, k: usize, n: usize| {
        Case::new("Gemm", name).given(&[m, k]).constant(&[k, n]).constant(&[n])
    };
    let general = |name: &str, a: &[usize], b: &[usize]| Case::new("Gemm", name).given(a).given(b);
    vec![
        dense("dense, one", 1, 1, 1),
        dense("dense, batch 1", 1, 256, 128),
        dense("dense, long sum", 1, 4099, 3),
        dense("dense, odd", 3, 7, 5),
        dense("dense, batch 64", 64, 33, 10),
        // A lane has four rows, and others share them.
        dense("dense, rows and slices", 9, 256, 7),
        dense("dense, rows in two slices", 5, 100, 6),
        Case::new("Gemm", "dense, transposed")
            .int("transB", 1)
            .float("alpha", 0.5)
            .float("beta", -2.0)
            .given(&[5, 12])
            .constant(&[6, 12])
            .constant(&[1, 6]),
        Case::new("Gemm", "dense, no bias").given(&[2, 8]).constant(&[8, 4]),
        Case::new("Gemm", "dense, scalar bias").given(&[2, 8]).constant(&[8, 3]).constant(&[]),
        general("general, odd", &[5, 7], &[7, 6]),
        general("general, both transposed", &[7, 5], &[6, 7]).int("transA", 1).int("transB", 1),
        general("general, bias per row", &[5, 7], &[7, 6]).given(&[5, 1]).float("beta", 0.25),
        general("general, whole bias", &[1, 3], &[3, 1]).given(&[1, 1]),
    ]
}

#[derive(Debug, Clone)]
struct Gemm {
    alpha: f32,
    beta: f32,
    transpose_a: bool,
    transpose_b: bool,
    epilogue: Epilogue,
}

impl Gemm {
    fn resolve(&self, a: &Shape, b: &Shape, c: Option<&Shape>) -> Result<Product, Reason> {
        let (&[a0, a1], &[b0, b1]) = (&a[..], &b[..]) else {
            return Err(Reason(format!("operands {a} and {b} are not matrices")));
        };
        let (rows, k, a_strides) = if self.transpose_a { (a1, a0, [1, a1]) } else { (a0, a1, [a1, 1]) };
        let (depth, columns, b_strides) =
            if self.transpose_b { (b1, b0, [1, b1]) } else { (b0, b1, [b1, 1]) };
        if k != depth {
            return Err(Reason(format!("operands {a} and {b} do not fit: {k} against {depth}")));
        }
        let c = c.map(|c| self.resolve_c(c, rows, columns)).transpose()?;
        Ok(Product {
            rows,
            k,
            columns,
            batch: Shape::new([])?,
            a: Operand { batch_strides: vec![], strides: a_strides },
            b: Operand { batch_strides: vec![], strides: b_strides },
            c,
            alpha: self.alpha,
            beta: self.beta,
        })
    }

    fn resolve_c(&self, c: &Shape, rows: usize, columns: usize) -> Result<[usize; 2], Reason> {
        let to = Shape::new([rows, columns])?;
        let sizes = padded(c, 2);
        let fits = sizes.len() == 2 && (0..2).all(|d| sizes[d] == 1 || sizes[d] == to[d]);
        if !fits {
            return Err(Reason(format!("input C of shape {c} does not repeat to {to}")));
        }
        let strides = strides(c, &to);
        Ok([strides[0], strides[1]])
    }

    fn product(&self, inputs: &[Option<Info>]) -> Result<Product, Reason> {
        let c = optional(inputs, 2).map(|info| &info.shape);
        self.resolve(&required(inputs, 0)?.shape, &required(inputs, 1)?.shape, c)
    }

    /// Whether this is a layer with constant weights and a constant bias per column.
    fn is_dense(&self, inputs: &[Option<Info>]) -> bool {
        let is_constant =
            |position| optional(inputs, position).is_none_or(|info: &Info| info.value.is_some());
        let Ok(product) = self.product(inputs) else { return false };
        !self.transpose_a
            && is_constant(1)
            && is_constant(2)
            && product.c.is_none_or(|[row_stride, _]| row_stride == 0)
    }
}

impl Op for Gemm {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        for info in inputs.iter().flatten() {
            expect_f32(info)?;
            expect_elements(&info.shape)?;
        }
        let product = self.product(inputs)?;
        Ok(vec![TensorType::new([product.rows, product.columns], DType::F32)?])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let c = optional(inputs, 2).map(|t| t.shape());
        let product = self.resolve(required(inputs, 0)?.shape(), required(inputs, 1)?.shape(), c)?;
        let data = product.run(inputs, &self.epilogue)?;
        Ok(vec![Tensor::from_f32([product.rows, product.columns], data)?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let infos = node.infos();
        let product = self.product(&infos)?;
        if self.is_dense(&infos) {
            product.lower_dense(node, &self.epilogue)
        } else {
            product.lower_general(node)
        }
    }

    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        // Two roundings for alpha and beta, one for the sum of both.
        Tolerance::Products { terms: self.product(inputs).map_or(0, |p| p.k) + 3 }
    }

    fn magnitudes(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let absolute: Vec<Option<Tensor>> = inputs.iter().map(|t| t.map(Tensor::absolute)).collect();
        let gemm = Gemm { alpha: self.alpha.abs(), beta: self.beta.abs(), ..self.clone() };
        gemm.run(&absolute.iter().map(Option::as_ref).collect::<Vec<_>>())
    }

    fn multiply_adds(&self, inputs: &[Option<Info>], _output: &Shape) -> u64 {
        self.product(inputs).map_or(0, |p| p.multiply_adds())
    }

    fn as_dense(&self, inputs: &[Option<Info>]) -> Option<(Product, Epilogue)> {
        let product = self.product(inputs).ok()?;
        self.is_dense(inputs).then(|| (product, self.epilogue.clone()))
    }

    fn with_stage(&self, stage: &Stage, inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        let epilogue = self.epilogue.with(stage, true)?;
        let fits = self.is_dense(inputs) && dense_computes(&epilogue);
        fits.then(|| Arc::new(Gemm { epilogue, ..self.clone() }) as Arc<dyn Op>)
    }
}
