//! GlobalLpPool: `y = sum(|x|^p)^(1/p)` over all spatial dimensions.
//! <https://onnx.ai/onnx/operators/onnx__GlobalLpPool.html>
//!
//! `p` is 2 by default. Opset 22 differs only in element types.

use super::global_pool::{GlobalPool, cases};
use super::reduce::{REDUCE_KERNELS, Reduction};
use super::{Operator, Reason};

pub static GLOBAL_LP_POOL: Operator = Operator {
    name: "GlobalLpPool",
    opsets: 6..=27,
    limits: "p from 1 to 16",
    load: |attributes| {
        Ok(GlobalPool::of(match attributes.int("p", 2)? {
            1 => Reduction::L1,
            2 => Reduction::L2,
            // Larger powers of ordinary activations leave the range of f32.
            p @ 3..=16 => Reduction::Norm(p as f32),
            p => return Err(Reason(format!("p = {p} is not supported, only 1 to 16"))),
        }))
    },
    kernels: REDUCE_KERNELS,
    cases: || {
        let of_order = |p: i64| cases("GlobalLpPool").into_iter().map(move |case| case.int("p", p));
        cases("GlobalLpPool").into_iter().chain(of_order(1)).chain(of_order(3)).collect()
    },
};
