//! The smallest or largest of several tensors: what Min and Max share. Computed at load.

use super::Reason;
use super::TensorType;
use super::folded::{Folding, Inputs, common_type, from_ints, repeated};
use crate::tensor::{DType, Tensor};

#[derive(Debug)]
pub enum Extremum {
    Min,
    Max,
}

fn tensors<'a>(inputs: &Inputs<'a>) -> Vec<&'a Tensor> {
    inputs.iter().flatten().copied().collect()
}

impl Extremum {
    fn of<T: PartialOrd + Copy>(&self, a: T, b: T) -> T {
        let takes_b = match self {
            Extremum::Min => b < a,
            Extremum::Max => b > a,
        };
        if takes_b { b } else { a }
    }
}

impl Folding for Extremum {
    fn infer(&self, inputs: &Inputs) -> Result<TensorType, Reason> {
        common_type(&tensors(inputs))
    }

    fn compute(&self, inputs: &Inputs) -> Result<Tensor, Reason> {
        let TensorType { shape, dtype } = self.infer(inputs)?;
        let tensors = tensors(inputs);
        let sources: Vec<Vec<usize>> = tensors.iter().map(|t| repeated(t, &shape)).collect();
        let best = |values: Vec<f64>| values.into_iter().reduce(|a, b| self.of(a, b)).unwrap_or(0.0);
        if dtype == DType::F32 {
            let data: Vec<&[f32]> = tensors.iter().map(|t| t.as_f32()).collect::<Result<_, _>>()?;
            let at = |i: usize| data.iter().zip(&sources).map(|(d, s)| f64::from(d[s[i]])).collect();
            return Ok(Tensor::from_f32(
                shape.to_vec(),
                (0..shape.elements()).map(|i| best(at(i)) as f32).collect(),
            )?);
        }
        let data: Vec<Vec<i64>> = tensors.iter().map(|t| t.to_i64s()).collect::<Result<_, _>>()?;
        let best = |i: usize| data.iter().zip(&sources).map(|(d, s)| d[s[i]]).reduce(|a, b| self.of(a, b));
        let values = (0..shape.elements()).map(|i| best(i).unwrap_or(0)).collect();
        from_ints(&shape, values, dtype)
    }
}
