//! Equal: `y = (a == b)` with broadcasting. <https://onnx.ai/onnx/operators/onnx__Equal.html>
//!
//! Opset 7 brought broadcasting; the later ones differ only in element types. Computed at load.

use super::folded::{Folded, Folding, Inputs, LIMITS, common_type, repeated, tensor};
use super::{Operator, Reason, TensorType};
use crate::tensor::{DType, Data, Tensor};

pub static EQUAL: Operator = Operator {
    name: "Equal",
    opsets: 7..=25,
    limits: LIMITS,
    load: |_| Ok(Folded::of(Equal)),
    kernels: &[],
    cases: Vec::new,
};

#[derive(Debug)]
struct Equal;

impl Folding for Equal {
    fn infer(&self, inputs: &Inputs) -> Result<TensorType, Reason> {
        let common = common_type(&[tensor(inputs, 0)?, tensor(inputs, 1)?])?;
        Ok(TensorType { dtype: DType::Bool, ..common })
    }

    fn compute(&self, inputs: &Inputs) -> Result<Tensor, Reason> {
        let (a, b) = (tensor(inputs, 0)?, tensor(inputs, 1)?);
        let shape = self.infer(inputs)?.shape;
        let pairs = repeated(a, &shape).into_iter().zip(repeated(b, &shape));
        let equal = if a.dtype() == DType::F32 {
            let (a, b) = (a.as_f32()?, b.as_f32()?);
            pairs.map(|(i, j)| a[i] == b[j]).collect()
        } else {
            let (a, b) = (a.to_i64s()?, b.to_i64s()?);
            pairs.map(|(i, j)| a[i] == b[j]).collect()
        };
        Ok(Tensor::new(shape.to_vec(), Data::Bool(equal))?)
    }
}
