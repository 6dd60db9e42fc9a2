// Shared by the kernels that reduce: what becomes of an element, how elements are joined, and what becomes
// of the whole.

// 0 sum, 1 mean, 2 largest, 3 smallest, 4 product, 5 sum of absolute values, 6 root of the sum of squares,
// 7 sum of squares, 8 logarithm of the sum, 9 logarithm of the sum of exponentials, 10 norm of any order.
override REDUCTION: u32;

const MEAN: u32 = 1u;
const LOG_SUM_EXP: u32 = 9u;

fn joining() -> u32 {
    switch REDUCTION {
        case 2u: { return LARGEST; }
        case 3u: { return SMALLEST; }
        case 4u: { return MULTIPLY; }
        default: { return ADD; }
    }
}

// A value to begin with that changes no result, given any element of the row.
fn neutral(element: vec4<f32>) -> vec4<f32> {
    switch joining() {
        case LARGEST, SMALLEST: { return element; }
        case MULTIPLY: { return vec4<f32>(1.0); }
        default: { return vec4<f32>(0.0); }
    }
}

fn power(v: vec4<f32>, exponent: f32) -> vec4<f32> {
    let is_zero = v == vec4<f32>(0.0);
    return select(exp2(exponent * log2(select(v, vec4<f32>(1.0), is_zero))), vec4<f32>(0.0), is_zero);
}

fn term(v: vec4<f32>, largest: vec4<f32>, exponent: f32) -> vec4<f32> {
    switch REDUCTION {
        case 5u: { return abs(v); }
        case 6u, 7u: { return v * v; }
        case 9u: { return exp(v - largest); }
        case 10u: { return power(abs(v), exponent); }
        default: { return v; }
    }
}

fn outcome(joined: vec4<f32>, largest: vec4<f32>, terms: u32, exponent: f32) -> vec4<f32> {
    switch REDUCTION {
        case MEAN: { return joined / f32(terms); }
        case 6u: { return sqrt(joined); }
        case 8u: { return log(joined); }
        case LOG_SUM_EXP: { return largest + log(joined); }
        case 10u: { return power(joined, 1.0 / exponent); }
        default: { return joined; }
    }
}
