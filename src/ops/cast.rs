//! Cast: converts the element type. <https://onnx.ai/onnx/operators/onnx__Cast.html>
//!
//! Opset 6 names the type by number; 9, 13, 19 and later brought element types and `saturate`, which concerns
//! only 8-bit floats. On a device every type is held as f32, so that most conversions cost no step.

use std::sync::Arc;

use super::activation::Activation;
use super::case::Case;
use super::epilogue::Epilogue;
use super::pointwise::cases::booleans;
use super::pointwise::{Pointwise, UNARY_KERNELS};
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, required};
use crate::onnx;
use crate::plan::lowering::Lowering;
use crate::tensor::{DType, Data, Tensor};

pub static CAST: Operator = Operator {
    name: "Cast",
    opsets: 6..=27,
    limits: "f32, i64, i32 and bool",
    load: |attributes| {
        let number = attributes.optional_int("to")?.ok_or("attribute to is missing")?;
        attributes.ignore("saturate");
        attributes.ignore("round_mode");
        let to = i32::try_from(number).ok().and_then(onnx::dtype);
        let to = to.ok_or_else(|| Reason(format!("element type number {number} is not supported")))?;
        Ok(Arc::new(Cast { to }))
    },
    kernels: UNARY_KERNELS,
    cases: || {
        let case = |name: &str, to: i64| Case::new("Cast", name).int("to", to);
        vec![
            case("to f32", 1).given(&[2, 3]),
            case("to i64", 7).given(&[2, 3, 5]),
            case("to bool", 9).given(&[3, 7]),
            case("bool to f32", 1).with(booleans(&[2, 5])),
        ]
    },
};

#[derive(Debug)]
struct Cast {
    to: DType,
}

impl Cast {
    /// What a device has to do to its f32; `None` where every value of the type stays what it is.
    fn function(&self, from: DType) -> Option<Activation> {
        match (from, self.to) {
            (from, to) if from == to => None,
            (DType::Bool, _) | (_, DType::F32) => None,
            (_, DType::Bool) => Some(Activation::NonZero),
            (DType::F32, _) => Some(Activation::Truncate),
            _ => None,
        }
    }
}

impl Op for Cast {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        Ok(vec![TensorType { shape: x.shape.clone(), dtype: self.to }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        Ok(vec![Tensor::new(x.shape().to_vec(), convert(x.data(), self.to)?)?])
    }

    fn is_view(&self, inputs: &[Option<Info>]) -> bool {
        required(inputs, 0).is_ok_and(|x| self.function(x.dtype).is_none())
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let from = node.infos().first().cloned().flatten().map_or(self.to, |info| info.dtype);
        let first = self.function(from).unwrap_or(Activation::None);
        Pointwise::unary(Epilogue { first, ..Epilogue::default() }).lower(node)
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}

/// The elements in another type. Floats lose their fraction; what does not fit an integer is refused.
fn convert(data: &Data, to: DType) -> Result<Data, Reason> {
    let refused = || Reason(format!("a value does not fit {to}"));
    let integers: Vec<i64> = match data {
        Data::F32(values) => match to {
            DType::F32 => return Ok(data.clone()),
            DType::Bool => return Ok(Data::Bool(values.iter().map(|&v| v != 0.0).collect())),
            DType::I64 | DType::I32 => {
                // Below 2^63 every f32 has an exact whole part in i64.
                let whole = |v: f32| (v.abs() < 9.0e18).then_some(v as i64);
                values.iter().map(|&v| whole(v)).collect::<Option<_>>().ok_or_else(refused)?
            }
        },
        Data::I64(values) => values.clone(),
        Data::I32(values) => values.iter().map(|&v| i64::from(v)).collect(),
        Data::Bool(values) => values.iter().map(|&v| i64::from(v)).collect(),
    };
    Ok(match to {
        DType::F32 => Data::F32(integers.iter().map(|&v| v as f32).collect()),
        DType::I64 => Data::I64(integers),
        DType::I32 => {
            let narrow = |&v: &i64| i32::try_from(v).ok();
            Data::I32(integers.iter().map(narrow).collect::<Option<_>>().ok_or_else(refused)?)
        }
        DType::Bool => Data::Bool(integers.iter().map(|&v| v != 0).collect()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_lose_their_fraction_and_must_fit() {
        let floats = Data::F32(vec![-1.9, 0.0, 2.9]);
        assert_eq!(convert(&floats, DType::I64).unwrap(), Data::I64(vec![-1, 0, 2]));
        assert_eq!(convert(&floats, DType::Bool).unwrap(), Data::Bool(vec![true, false, true]));
        for bad in [f32::NAN, f32::INFINITY, 1e30] {
            assert!(convert(&Data::F32(vec![bad]), DType::I64).is_err());
        }
        assert!(convert(&Data::I64(vec![1 << 40]), DType::I32).is_err());
    }
}
