//! The functions of one number: operators of their own, or the tail of a convolution, product or sum.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// The shader's `activate`: a case on a line for every code.
pub const ACTIVATION: &str = include_str!("../../shaders/activation.wgsl");

/// What takes its place where no function is named.
pub const NO_ACTIVATION: &str = include_str!("../../shaders/activation_none.wgsl");

/// A pointwise function. [`Activation::code`] is its number in `activation.wgsl`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Activation {
    #[default]
    None,
    Relu,
    LeakyRelu {
        alpha: f32,
    },
    Clip {
        min: f32,
        max: f32,
    },
    Sigmoid,
    Tanh,
    /// `scale * x + shift`.
    Affine {
        scale: f32,
        shift: f32,
    },
    Elu {
        alpha: f32,
    },
    Selu {
        alpha: f32,
        gamma: f32,
    },
    HardSigmoid {
        alpha: f32,
        beta: f32,
    },
    HardSwish,
    Erf,
    Gelu,
    /// Gelu by its approximation with the hyperbolic tangent.
    GeluTanh,
    Mish,
    Softplus,
    Softsign,
    Sqrt,
    Exp,
    Log,
    Abs,
    Neg,
    Reciprocal,
    Floor,
    Ceil,
    /// Logical negation of 0 and 1.
    Not,
    /// 1 for whatever is not 0.
    NonZero,
    /// The whole part.
    Truncate,
    Celu {
        alpha: f32,
    },
    ThresholdedRelu {
        alpha: f32,
    },
    Sign,
    Round,
    /// `x * sigmoid(alpha * x)`.
    Swish {
        alpha: f32,
    },
}

impl Activation {
    /// The number under which the shader knows the function.
    pub fn code(self) -> u32 {
        match self {
            Activation::None => 0,
            Activation::Relu => 1,
            Activation::LeakyRelu { .. } => 2,
            Activation::Clip { .. } => 3,
            Activation::Sigmoid => 4,
            Activation::Tanh => 5,
            Activation::Affine { .. } => 6,
            Activation::Elu { .. } => 7,
            Activation::Selu { .. } => 8,
            Activation::HardSigmoid { .. } => 9,
            Activation::HardSwish => 10,
            Activation::Erf => 11,
            Activation::Gelu => 12,
            Activation::GeluTanh => 13,
            Activation::Mish => 14,
            Activation::Softplus => 15,
            Activation::Softsign => 16,
            Activation::Sqrt => 17,
            Activation::Exp => 18,
            Activation::Log => 19,
            Activation::Abs => 20,
            Activation::Neg => 21,
            Activation::Reciprocal => 22,
            Activation::Floor => 23,
            Activation::Ceil => 24,
            Activation::Not => 25,
            Activation::NonZero => 26,
            Activation::Truncate => 27,
            Activation::Celu { .. } => 28,
            Activation::ThresholdedRelu { .. } => 29,
            Activation::Sign => 30,
            Activation::Round => 31,
            Activation::Swish { .. } => 32,
        }
    }

    /// The function's two constants, zero where it has none.
    pub fn constants(self) -> [f32; 2] {
        match self {
            Activation::LeakyRelu { alpha }
            | Activation::Elu { alpha }
            | Activation::Celu { alpha }
            | Activation::ThresholdedRelu { alpha }
            | Activation::Swish { alpha } => [alpha, 0.0],
            Activation::Clip { min, max } => [min, max],
            Activation::Affine { scale, shift } => [scale, shift],
            Activation::Selu { alpha, gamma } => [alpha, gamma],
            Activation::HardSigmoid { alpha, beta } => [alpha, beta],
            _ => [0.0, 0.0],
        }
    }

    /// The function itself, for the twins.
    pub fn apply(self, x: f64) -> f64 {
        let [a, b] = self.constants().map(f64::from);
        match self {
            Activation::None => x,
            Activation::Relu => x.max(0.0),
            Activation::LeakyRelu { .. } if x < 0.0 => x * a,
            Activation::LeakyRelu { .. } => x,
            // Not `clamp`: ONNX defines min above max, where the maximum wins.
            Activation::Clip { .. } => x.max(a).min(b),
            Activation::Sigmoid => sigmoid(x),
            Activation::Tanh => x.tanh(),
            Activation::Affine { .. } => x * a + b,
            Activation::Elu { .. } => elu(x, a),
            Activation::Selu { .. } => b * elu(x, a),
            Activation::HardSigmoid { .. } => (a * x + b).clamp(0.0, 1.0),
            Activation::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Activation::Erf => libm::erf(x),
            Activation::Gelu => 0.5 * x * libm::erfc(-x * FRAC_1_SQRT_2),
            Activation::GeluTanh => x * sigmoid(2.0 * (2.0 / PI).sqrt() * (x + 0.044715 * x * x * x)),
            Activation::Mish => x * softplus(x).tanh(),
            Activation::Softplus => softplus(x),
            Activation::Softsign => x / (1.0 + x.abs()),
            Activation::Sqrt => x.sqrt(),
            Activation::Exp => x.exp(),
            Activation::Log => x.ln(),
            Activation::Abs => x.abs(),
            Activation::Neg => -x,
            Activation::Reciprocal => 1.0 / x,
            Activation::Floor => x.floor(),
            Activation::Ceil => x.ceil(),
            Activation::Not => 1.0 - x,
            Activation::NonZero => f64::from(x != 0.0),
            Activation::Truncate => x.trunc(),
            Activation::Celu { .. } => x.max(0.0) + (a * (x / a).exp_m1()).min(0.0),
            Activation::ThresholdedRelu { .. } if x > a => x,
            Activation::ThresholdedRelu { .. } => 0.0,
            Activation::Sign if x == 0.0 => 0.0,
            Activation::Sign => x.signum(),
            Activation::Round => x.round_ties_even(),
            Activation::Swish { .. } => x * sigmoid(a * x),
        }
    }

    /// The function on a whole number, for shape arithmetic; `None` where it has no exact result.
    pub fn apply_integer(self, x: i64) -> Option<i64> {
        match self {
            Activation::None => Some(x),
            Activation::Abs => x.checked_abs(),
            Activation::Neg => x.checked_neg(),
            Activation::Relu => Some(x.max(0)),
            Activation::Sign => Some(x.signum()),
            Activation::Not => Some(1 - x),
            _ => None,
        }
    }

    /// Whether the result is an exponential, or its product with the argument, over all of its range.
    pub fn is_exponential(self) -> bool {
        let products = matches!(self, Activation::Gelu | Activation::GeluTanh | Activation::Swish { .. });
        products || self == Activation::Exp
    }

    /// The function as a sum whose parts are all positive, where it is one: how large what is summed is at most, which is
    /// what rounding goes by where parts of different signs leave little.
    pub fn of_magnitudes(self) -> Option<Activation> {
        match self {
            Activation::Affine { scale, shift } => {
                Some(Activation::Affine { scale: scale.abs(), shift: shift.abs() })
            }
            Activation::HardSigmoid { alpha, beta } => {
                Some(Activation::HardSigmoid { alpha: alpha.abs(), beta: beta.abs() })
            }
            Activation::HardSwish => Some(Activation::HardSwish),
            _ => None,
        }
    }

    /// Accuracy that WGSL and WebNN grant the function, the looser of both, in units in the last place.
    pub fn ulps(self) -> f32 {
        match self {
            Activation::None
            | Activation::Relu
            | Activation::Clip { .. }
            | Activation::Abs
            | Activation::Neg
            | Activation::Floor
            | Activation::Ceil
            | Activation::Not
            | Activation::NonZero
            | Activation::Truncate
            | Activation::ThresholdedRelu { .. }
            | Activation::Sign
            | Activation::Round => 0.0,
            Activation::LeakyRelu { .. } => 1.0,
            Activation::Affine { .. } | Activation::HardSigmoid { .. } | Activation::Softsign => 4.0,
            Activation::HardSwish | Activation::Reciprocal | Activation::Sqrt => 4.0,
            Activation::Sigmoid => 34.0,
            Activation::Tanh => 16.0,
            // Beside what an exponential is granted.
            Activation::Exp => 0.0,
            Activation::Gelu | Activation::GeluTanh | Activation::Swish { .. } => 6.0,
            // Of exp(), up to where its argument still counts, and a few operations more.
            Activation::Elu { .. } | Activation::Selu { .. } | Activation::Celu { .. } => 34.0 + 4.0,
            Activation::Erf | Activation::Mish | Activation::Softplus | Activation::Log => 34.0 + 4.0,
        }
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn elu(x: f64, alpha: f64) -> f64 {
    if x < 0.0 { alpha * x.exp_m1() } else { x }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
