//! Rounding to whole numbers: what Floor and Ceil share. Computed at load.

use super::folded::{Folding, Inputs, tensor};
use super::{Reason, TensorType};
use crate::tensor::Tensor;

#[derive(Debug)]
pub enum Rounding {
    Floor,
    Ceil,
}

impl Folding for Rounding {
    fn infer(&self, inputs: &Inputs) -> Result<TensorType, Reason> {
        let x = tensor(inputs, 0)?;
        x.as_f32()?;
        Ok(TensorType { shape: x.shape().clone(), dtype: x.dtype() })
    }

    fn compute(&self, inputs: &Inputs) -> Result<Tensor, Reason> {
        let x = tensor(inputs, 0)?;
        let round = |v: &f32| match self {
            Rounding::Floor => v.floor(),
            Rounding::Ceil => v.ceil(),
        };
        Ok(Tensor::from_f32(x.shape().to_vec(), x.as_f32()?.iter().map(round).collect())?)
    }
}
