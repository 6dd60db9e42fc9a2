//! MatMul: the matrix product of NumPy. <https://onnx.ai/onnx/operators/onnx__MatMul.html>
//!
//! Leading dimensions are batches and broadcast; a vector in front is a row, one behind a column. Opsets 9 and
//! 13 differ only in element types.

use std::sync::Arc;

use super::broadcast::{broadcast, strides};
use super::case::Case;
use super::epilogue::{Epilogue, Stage};
use super::product::{Operand, PRODUCT_KERNELS, Product, dense_computes};
use super::rearrange::expect_elements;
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, expect_f32, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{DType, Shape, Tensor};

pub static MAT_MUL: Operator = Operator {
    name: "MatMul",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Arc::new(MatMul { epilogue: Epilogue::default() })),
    kernels: PRODUCT_KERNELS,
    cases: || {
        let case = |name: &str, a: &[usize], b: &[usize]| Case::new("MatMul", name).given(a).given(b);
        let dense = |name: &str, a: &[usize], b: &[usize]| Case::new("MatMul", name).given(a).constant(b);
        vec![
            case("matrices", &[5, 7], &[7, 6]),
            case("vectors", &[9], &[9]),
            case("vector in front", &[5], &[2, 5, 3]),
            case("vector behind", &[2, 3, 5], &[5]),
            case("batches", &[3, 4, 5], &[3, 5, 2]),
            case(
                "eight dimensions of batches",
                &[1, 2, 1, 2, 1, 3, 1, 2, 2, 3],
                &[2, 1, 2, 1, 3, 1, 2, 1, 3, 2],
            ),
            case("the others repeat", &[2, 1, 2, 1, 3, 1, 2, 1, 2, 3], &[1, 2, 1, 2, 1, 3, 1, 2, 3, 2]),
            // Without an invocation to spare.
            case("a workgroup of tiles", &[2, 32, 3], &[2, 3, 16]),
            case("batches repeat", &[2, 1, 4, 5], &[3, 5, 2]),
            dense("weights", &[3, 10], &[10, 9]),
            dense("weights for batches", &[2, 3, 7], &[7, 5]),
            dense("weights for a vector", &[130], &[130, 2]),
            dense("a vector of weights", &[2, 3, 6], &[6]),
            dense("batches of weights", &[2, 3, 4], &[2, 4, 5]),
        ]
    },
};

#[derive(Debug, Clone)]
struct MatMul {
    epilogue: Epilogue,
}

/// A product and the shape of its result, vectors squeezed out.
struct Resolved {
    product: Product,
    shape: Vec<usize>,
}

fn resolve(a: &Shape, b: &Shape) -> Result<Resolved, Reason> {
    let left = if a.rank() == 1 { vec![1, a[0]] } else { a.to_vec() };
    let right = if b.rank() == 1 { vec![b[0], 1] } else { b.to_vec() };
    let (Some((a_batch, &[rows, k])), Some((b_batch, &[depth, columns]))) =
        (left.split_last_chunk::<2>(), right.split_last_chunk::<2>())
    else {
        return Err("a scalar has no matrix product".into());
    };
    if k != depth {
        return Err(Reason(format!("operands {a} and {b} do not fit: {k} against {depth}")));
    }
    let batch = broadcast(&Shape::new(a_batch)?, &Shape::new(b_batch)?)?;
    let operand = |own: &[usize], rows: usize, columns: usize| -> Result<Operand, Reason> {
        let batches = strides(&Shape::new(own)?, &batch);
        let batch_strides = batches.iter().map(|s| s * rows * columns).collect();
        Ok(Operand { batch_strides, strides: [columns, 1] })
    };
    let mut shape = batch.to_vec();
    shape.extend((a.rank() > 1).then_some(rows));
    shape.extend((b.rank() > 1).then_some(columns));
    let (a, b) = (operand(a_batch, rows, k)?, operand(b_batch, k, columns)?);
    let product = Product { rows, k, columns, batch, a, b, c: None, alpha: 1.0, beta: 0.0 };
    Ok(Resolved { product, shape })
}

fn from_infos(inputs: &[Option<Info>]) -> Result<Resolved, Reason> {
    resolve(&required(inputs, 0)?.shape, &required(inputs, 1)?.shape)
}

/// The product as a dense layer: all batches of `a` are rows of one matrix, `b` is one constant matrix.
fn dense(inputs: &[Option<Info>]) -> Option<Product> {
    let (a, b) = (required(inputs, 0).ok()?, required(inputs, 1).ok()?);
    let product = from_infos(inputs).ok()?.product;
    let rows = product.rows.checked_mul(product.batch.elements())?;
    let one_matrix = b.shape.rank() <= 2 && b.value.is_some() && a.value.is_none();
    one_matrix.then(|| Product { rows, batch: Shape::default(), ..product })
}

impl Op for MatMul {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        for info in inputs.iter().flatten() {
            expect_f32(info)?;
            expect_elements(&info.shape)?;
        }
        Ok(vec![TensorType::new(from_infos(inputs)?.shape, DType::F32)?])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let Resolved { product, shape } =
            resolve(required(inputs, 0)?.shape(), required(inputs, 1)?.shape())?;
        Ok(vec![Tensor::from_f32(shape, product.run(inputs, &self.epilogue)?)?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let infos = node.infos();
        match dense(&infos) {
            Some(product) => product.lower_dense(node, &self.epilogue),
            None => from_infos(&infos)?.product.lower_general(node),
        }
    }

    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Products { terms: from_infos(inputs).map_or(0, |r| r.product.k) + 1 }
    }

    fn multiply_adds(&self, inputs: &[Option<Info>], _output: &Shape) -> u64 {
        from_infos(inputs).map_or(0, |r| r.product.multiply_adds())
    }

    fn as_dense(&self, inputs: &[Option<Info>]) -> Option<(Product, Epilogue)> {
        let is_matrix = required(inputs, 0).is_ok_and(|a| a.shape.rank() == 2);
        let product = dense(inputs).filter(|_| is_matrix && inputs.len() == 2)?;
        Some((product, self.epilogue.clone()))
    }

    fn with_stage(&self, stage: &Stage, inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        dense(inputs)?;
        // Scale and shift go along axis 1, which is that of the columns only in a matrix.
        let along_columns = from_infos(inputs).is_ok_and(|r| r.shape.len() == 2)
            && required(inputs, 1).is_ok_and(|b| b.shape.rank() == 2);
        if matches!(stage, Stage::ScaleShift(_)) && !along_columns {
            return None;
        }
        let epilogue = self.epilogue.with(stage, true)?;
        dense_computes(&epilogue).then(|| Arc::new(MatMul { epilogue }) as Arc<dyn Op>)
    }
}
