//! The list of all operators, in alphabetical order.

use super::*;

/// Every operator that Gyrus knows.
pub static OPS: &[&Operator] = &[
    &add::ADD,
    &average_pool::AVERAGE_POOL,
    &batch_normalization::BATCH_NORMALIZATION,
    &cast::CAST,
    &clip::CLIP,
    &concat::CONCAT,
    &constant::CONSTANT,
    &div::DIV,
    &dropout::DROPOUT,
    &flatten::FLATTEN,
    &gemm::GEMM,
    &global_average_pool::GLOBAL_AVERAGE_POOL,
    &identity::IDENTITY,
    &leaky_relu::LEAKY_RELU,
    &mat_mul::MAT_MUL,
    &max_pool::MAX_POOL,
    &mul::MUL,
    &pad::PAD,
    &reduce_mean::REDUCE_MEAN,
    &relu::RELU,
    &reshape::RESHAPE,
    &sigmoid::SIGMOID,
    &softmax::SOFTMAX,
    &squeeze::SQUEEZE,
    &sub::SUB,
    &tanh::TANH,
    &transpose::TRANSPOSE,
    &unsqueeze::UNSQUEEZE,
];
