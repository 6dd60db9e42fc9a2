//! Identity: `y = x`. <https://onnx.ai/onnx/operators/onnx__Identity.html>
//!
//! Opsets 1, 13, 14, 16 and later differ only in element types. Costs no step.

use std::sync::Arc;

use super::case::Case;
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, required};
use crate::plan::lowering::Lowering;
use crate::tensor::Tensor;

pub static IDENTITY: Operator = Operator {
    name: "Identity",
    opsets: 1..=27,
    limits: "",
    load: |_| Ok(Arc::new(Identity)),
    kernels: &[],
    cases: || {
        let case = |name: &str| Case::new("Identity", name);
        // Constants are copied in groups of four elements.
        vec![
            case("identity").given(&[2, 3, 4]),
            case("of a constant").constant(&[3, 5, 7]),
            case("of a constant of whole groups").constant(&[4, 26]),
        ]
    },
};

/// Passes its input on.
#[derive(Debug)]
pub struct Identity;

impl Op for Identity {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        Ok(vec![TensorType { shape: x.shape.clone(), dtype: x.dtype }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        Ok(vec![(*required(inputs, 0)?).clone()])
    }

    fn is_view(&self, _inputs: &[Option<Info>]) -> bool {
        true
    }

    fn lower(&self, _node: &mut Lowering) -> Result<(), Reason> {
        Ok(())
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}
