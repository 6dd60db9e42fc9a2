//! Trilu: the part of every matrix on and above (`upper`) or below a diagonal, zeros elsewhere: `y[i, j] = x[i, j]`
//! where `j - i >= k`, or `<= k`. <https://onnx.ai/onnx/operators/onnx__Trilu.html>
//!
//! Since opset 14. The diagonal's number `k` must be known when the network is loaded.

use std::sync::Arc;

use super::case::{Case, CaseInput};
use super::choice::{WHERE_F32, lower_choice};
use super::rearrange::{expect_elements, infos, joined, pick};
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, known_ints, required};
use crate::plan::lowering::{Layout, Lowering};
use crate::tensor::{DType, Data, Shape, Tensor};

pub static TRILU: Operator = Operator {
    name: "Trilu",
    opsets: 14..=27,
    limits: "k must be constant",
    load: |attributes| Ok(Arc::new(Trilu { upper: attributes.flag("upper", true)? })),
    kernels: &[&WHERE_F32],
    cases: || {
        let case = |name: &str, x: &[usize], upper: i64, k: i64| {
            let k = Tensor::from_i64s(&[k]).reshaped([]).map(CaseInput::Constant);
            Case::new("Trilu", name).int("upper", upper).given(x).with(k.unwrap_or(CaseInput::Absent))
        };
        vec![
            Case::new("Trilu", "upper").given(&[4, 5]),
            case("lower", &[2, 5, 4], 0, 0),
            case("upper without the diagonal", &[2, 3, 3, 3], 1, 1),
            case("lower with a diagonal more", &[3, 4], 0, 1),
            case("nothing stays", &[3, 4], 0, i64::MIN),
            case("one", &[1, 1], 1, 0),
        ]
    },
};

#[derive(Debug)]
struct Trilu {
    upper: bool,
}

impl Trilu {
    fn diagonal(&self, shape: &Shape, inputs: &[Option<Info>]) -> Result<i64, Reason> {
        if shape.rank() < 2 {
            return Err(Reason(format!("shape {shape} holds no matrices")));
        }
        match known_ints(inputs, 1, "the diagonal's number")?.as_deref() {
            None => Ok(0),
            Some(&[k]) => Ok(k),
            Some(several) => Err(Reason(format!("k is {several:?}, not one number"))),
        }
    }

    fn stays(&self, row: usize, column: usize, k: i64) -> bool {
        let from_diagonal = column as i64 - row as i64;
        if self.upper { from_diagonal >= k } else { from_diagonal <= k }
    }
}

/// Rows and columns of the last two dimensions.
fn matrix(shape: &Shape) -> (usize, usize) {
    (shape[shape.rank() - 2], shape[shape.rank() - 1])
}

impl Op for Trilu {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        self.diagonal(&x.shape, inputs)?;
        if x.value.is_none() {
            expect_elements(&x.shape)?;
        }
        Ok(vec![TensorType { shape: x.shape.clone(), dtype: x.dtype }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let k = self.diagonal(x.shape(), &infos(inputs))?;
        let (rows, columns) = matrix(x.shape());
        let zero = match x.dtype() {
            DType::F32 => Data::F32(vec![0.0]),
            DType::I64 => Data::I64(vec![0]),
            DType::I32 => Data::I32(vec![0]),
            DType::Bool => Data::Bool(vec![false]),
        };
        let elements = x.shape().elements();
        let source = |i: usize| {
            if self.stays(i / columns % rows, i % columns, k) { i } else { elements }
        };
        let from: Vec<usize> = (0..elements).map(source).collect();
        Ok(vec![Tensor::new(x.shape().to_vec(), pick(&joined(x.data(), &zero)?, &from))?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let shape = node.input_shape(0)?;
        let k = self.diagonal(&shape, &node.infos())?;
        let (rows, columns) = matrix(&shape);
        let positions = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let stays = positions.map(|(row, column)| f32::from(u8::from(self.stays(row, column, k))));
        let mask = node.weights("triangle", stays.collect());
        let zero = node.weights("zero", vec![0.0]);
        let x = node.input(0, Layout::Plain)?;
        let mask_shape = Shape::new([rows, columns])?;
        lower_choice(node, [(mask, mask_shape), (x, shape), (zero, Shape::default())])
    }

    fn known_inputs(&self) -> std::ops::Range<usize> {
        1..2
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}
