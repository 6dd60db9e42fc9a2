//! Where: one of two values by a condition, all three broadcast: `y = condition ? a : b`.
//! <https://onnx.ai/onnx/operators/onnx__Where.html>
//!
//! Since opset 9; 16 differs only in element types.

use std::sync::Arc;

use super::broadcast::{broadcast, positions, strides};
use super::case::{Case, CaseInput};
use super::kernel::Kernel;
use super::pointwise::eight;
use super::rearrange::{expect_elements, joined, pick};
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, required};
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, Place, size};
use crate::tensor::{DType, Data, Shape, Tensor};

pub static WHERE: Operator = Operator {
    name: "Where",
    opsets: 9..=27,
    limits: "",
    load: |_| Ok(Arc::new(Where)),
    kernels: &[&WHERE_F32],
    cases,
};

fn cases() -> Vec<Case> {
    let chosen = |shape: &[usize]| {
        let elements = shape.iter().product();
        let values = (0..elements).map(|i| i % 3 == 0 || i % 7 == 2).collect();
        Tensor::new(shape, Data::Bool(values)).map(CaseInput::Given).unwrap_or(CaseInput::Absent)
    };
    let case = |name: &str, condition: &[usize]| Case::new("Where", name).with(chosen(condition));
    vec![
        case("one shape", &[2, 3, 5]).given(&[2, 3, 5]).given(&[2, 3, 5]),
        case("a mask over channels", &[2, 1, 3, 5]).given(&[2, 4, 3, 5]).constant(&[]),
        case("all three repeat", &[3, 1, 1]).given(&[2, 1]).given(&[1, 1, 5]),
        case("the condition has fewer dimensions", &[5]).given(&[2, 3, 5]).given(&[3, 1]),
        case("constants chosen by what is computed", &[2, 3]).constant(&[2, 3]).constant(&[1]),
        case("one", &[1]).given(&[1]).given(&[1]),
        case("five dimensions", &[2, 1, 3, 1, 2]).given(&[2, 2, 3, 4, 2]).given(&[4, 1]),
        case("eight dimensions", &[2, 1, 2, 3, 1, 2, 3, 1])
            .given(&[1, 3, 2, 1, 2, 1, 3, 2])
            .given(&[2, 3, 1, 3, 2, 2, 1, 2]),
        // 65,536 workgroups of 64, one more than a dimension of a grid holds.
        case("a folded grid", &[1]).given(&[65_536, 1]).given(&[64]),
    ]
}

#[derive(Debug)]
struct Where;

/// Type and shape of the result, from those of condition and operands.
fn result(inputs: [(&Shape, DType); 3]) -> Result<TensorType, Reason> {
    let [(condition, kind), (a, dtype), (b, other)] = inputs;
    if kind != DType::Bool {
        return Err("the condition is not boolean".into());
    }
    if dtype != other {
        return Err(Reason(format!("element types differ: {dtype} and {other}")));
    }
    Ok(TensorType { shape: broadcast(condition, &broadcast(a, b)?)?, dtype })
}

impl Op for Where {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let info = |i| required(inputs, i).map(|info| (&info.shape, info.dtype));
        let result = result([info(0)?, info(1)?, info(2)?])?;
        if inputs.iter().flatten().any(|info| info.value.is_none()) {
            expect_elements(&result.shape)?;
        }
        Ok(vec![result])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let (condition, a, b) = (required(inputs, 0)?, required(inputs, 1)?, required(inputs, 2)?);
        let shape = result([condition, a, b].map(|t| (t.shape(), t.dtype())))?.shape;
        let Data::Bool(chosen) = condition.data() else { return Err("the condition is not boolean".into()) };
        let repeated = |operand: &Tensor| positions(&shape, &strides(operand.shape(), &shape));
        let behind = a.shape().elements();
        let sources = repeated(a).into_iter().zip(repeated(b));
        let choose = |(c, (a, b)): (usize, (usize, usize))| if chosen[c] { a } else { behind + b };
        let from: Vec<usize> = repeated(condition).into_iter().zip(sources).map(choose).collect();
        Ok(vec![Tensor::new(shape.to_vec(), pick(&joined(a.data(), b.data())?, &from))?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let operands = [0, 1, 2].map(|i| operand(node, i));
        let [c, a, b] = operands;
        lower_choice(node, [c?, a?, b?])
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}

fn operand(node: &mut Lowering, position: usize) -> Result<(Place, Shape), Reason> {
    Ok((node.input(position, Layout::Plain)?, node.input_shape(position)?))
}

/// Emits the choice between the second and the third operand by the first, each broadcast to the node's output.
pub fn lower_choice(node: &mut Lowering, operands: [(Place, Shape); 3]) -> Result<(), Reason> {
    let shape = node.output_shape()?;
    let output = node.output(Layout::Plain)?;
    let strides = |operand: &(Place, Shape)| eight(&strides(&operand.1, &shape), 0);
    let [c, a, b] = &operands;
    let params = WhereParams {
        shape: eight(&shape, 1)?,
        c_strides: strides(c)?,
        a_strides: strides(a)?,
        b_strides: strides(b)?,
        elements: size(shape.elements())?,
        first: size(8 - shape.rank())?,
    };
    node.dispatch(Dispatch {
        kernel: &WHERE_F32,
        constants: vec![],
        inputs: vec![c.0, a.0, b.0],
        output,
        params,
        invocations: shape.elements() as u64,
        rounds: 8,
    })
}

params! {
    struct WhereParams {
        shape: [u32; 8], c_strides: [u32; 8], a_strides: [u32; 8], b_strides: [u32; 8], elements: u32, first: u32,
    }
}

pub static WHERE_F32: Kernel = Kernel {
    name: "where_f32",
    sources: &[include_str!("../../shaders/grid.wgsl"), include_str!("../../shaders/where_f32.wgsl")],
    params: WhereParams::LAYOUT,
    subgroups: false,
};
