//! Functions of two operands: arithmetic, comparisons, logic.

use crate::ops::{Info, Reason};
use crate::tensor::DType;

/// A function of two operands. Its number is the shader's `BINARY`; truth is 1 and falsehood 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    /// The first operand: for functions of one.
    First = 0,
    Add = 1,
    Sub = 2,
    Mul = 3,
    Div = 4,
    Pow = 5,
    Min = 6,
    Max = 7,
    /// The first operand, multiplied by the second where it is negative.
    PRelu = 8,
    Equal = 9,
    Less = 10,
    LessOrEqual = 11,
    Greater = 12,
    GreaterOrEqual = 13,
    And = 14,
    Or = 15,
    Xor = 16,
}

impl Binary {
    pub fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Binary::First => a,
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            Binary::Pow => a.powf(b),
            Binary::Min => a.min(b),
            Binary::Max => a.max(b),
            Binary::PRelu if a < 0.0 => a * b,
            Binary::PRelu => a,
            Binary::Equal => f64::from(a == b),
            Binary::Less => f64::from(a < b),
            Binary::LessOrEqual => f64::from(a <= b),
            Binary::Greater => f64::from(a > b),
            Binary::GreaterOrEqual => f64::from(a >= b),
            Binary::And => f64::from(a != 0.0 && b != 0.0),
            Binary::Or => f64::from(a != 0.0 || b != 0.0),
            Binary::Xor => f64::from((a != 0.0) != (b != 0.0)),
        }
    }

    /// The function on whole numbers; `None` where the result is none, or too large.
    pub fn apply_integers(self, a: i64, b: i64) -> Option<i64> {
        match self {
            Binary::First => Some(a),
            Binary::Add => a.checked_add(b),
            Binary::Sub => a.checked_sub(b),
            Binary::Mul => a.checked_mul(b),
            Binary::Div => a.checked_div(b),
            Binary::Pow => a.checked_pow(u32::try_from(b).ok()?),
            Binary::Min => Some(a.min(b)),
            Binary::Max => Some(a.max(b)),
            Binary::PRelu => None,
            Binary::Equal => Some(i64::from(a == b)),
            Binary::Less => Some(i64::from(a < b)),
            Binary::LessOrEqual => Some(i64::from(a <= b)),
            Binary::Greater => Some(i64::from(a > b)),
            Binary::GreaterOrEqual => Some(i64::from(a >= b)),
            Binary::And => Some(a & b),
            Binary::Or => Some(a | b),
            Binary::Xor => Some(a ^ b),
        }
    }

    /// Accuracy that WGSL grants the function, in units in the last place.
    pub fn ulps(self) -> f32 {
        match self {
            Binary::Add | Binary::Sub | Binary::Mul | Binary::PRelu => 1.0,
            Binary::Div => 2.5,
            // WGSL computes exp2(b * log2(a)): what the product loses, exp2() turns into a relative error.
            Binary::Pow => 128.0,
            _ => 0.0,
        }
    }

    fn is_logic(self) -> bool {
        matches!(self, Binary::And | Binary::Or | Binary::Xor)
    }

    fn is_comparison(self) -> bool {
        use Binary::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
        matches!(self, Equal | Less | LessOrEqual | Greater | GreaterOrEqual)
    }

    /// The type of the result.
    ///
    /// # Errors
    /// Operands that do not go together, or whose result a device would not hold exactly.
    pub fn result(self, a: &Info, b: &Info) -> Result<DType, Reason> {
        let refused =
            || Err(Reason(format!("operands of types {} and {} are not supported", a.dtype, b.dtype)));
        let mixed_power = self == Binary::Pow && a.dtype == DType::F32 && b.dtype != DType::Bool;
        if a.dtype != b.dtype && !mixed_power {
            return refused();
        }
        match a.dtype {
            _ if self.is_logic() => {
                if a.dtype == DType::Bool {
                    Ok(DType::Bool)
                } else {
                    refused()
                }
            }
            DType::Bool if self == Binary::Equal => Ok(DType::Bool),
            DType::Bool => refused(),
            _ if self.is_comparison() => Ok(DType::Bool),
            DType::F32 => Ok(DType::F32),
            _ if self == Binary::PRelu => refused(),
            // The larger or smaller of two whole numbers is one of them.
            _ if matches!(self, Binary::Min | Binary::Max) => Ok(a.dtype),
            _ if a.value.is_some() && b.value.is_some() => Ok(a.dtype),
            dtype => Err(Reason(format!("arithmetic on {dtype} is supported only on values known at load"))),
        }
    }
}
