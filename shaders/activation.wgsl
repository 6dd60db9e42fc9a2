// The functions of one number, by code, four at a time: operators of their own, and fused tails.

// The built-in may be off by 1e-5 (WGSL's table), which near zero is everything, and is NaN for large
// arguments on drivers that divide two exponentials. Taylor series to x^11 near zero, else by exp().
fn hyperbolic_tangent(x: vec4<f32>) -> vec4<f32> {
    let s = x * x;
    // 1 - s / 3 + 2 s^2 / 15 - 17 s^3 / 315 + 62 s^4 / 2835 - 1382 s^5 / 155925.
    let series = 1.0 + s * (-0.333333333 + s * (0.133333333 + s * (-0.0539682540
        + s * (0.0218694885 - s * 0.00886323553))));
    let quotient = 1.0 - 2.0 / (exp(2.0 * clamp(x, vec4<f32>(-10.0), vec4<f32>(10.0))) + 1.0);
    return select(quotient, x * series, abs(x) < vec4<f32>(0.35));
}

// Beyond 88 exp() overflows; the quotient is 0 there, which infinity would give too, were it allowed.
fn sigmoid(x: vec4<f32>) -> vec4<f32> {
    let quotient = 1.0 / (1.0 + exp(min(-x, vec4<f32>(88.0))));
    return select(quotient, vec4<f32>(0.0), x < vec4<f32>(-88.0));
}

// exp(x) - 1 for x <= 0. The difference loses everything near zero: Taylor series to x^8 there.
fn exp_minus_one(x: vec4<f32>) -> vec4<f32> {
    let series = x * (1.0 + x * (0.5 + x * (0.166666667 + x * (0.0416666667 + x * (0.00833333333
        + x * (0.00138888889 + x * (0.000198412698 + x * 0.0000248015873)))))));
    return select(exp(min(x, vec4<f32>(0.0))) - 1.0, series, abs(x) < vec4<f32>(0.5));
}

// 2 artanh(q) for |q| <= 1/3, which is log((1 + q) / (1 - q)): 2 (q + q^3 / 3 + q^5 / 5 + ...).
fn twice_artanh(q: vec4<f32>) -> vec4<f32> {
    let s = q * q;
    return 2.0 * q * (1.0 + s * (0.333333333 + s * (0.2 + s * (0.142857143 + s * (0.111111111
        + s * (0.0909090909 + s * 0.0769230769))))));
}

// WGSL grants log() an absolute error near 1, where the result is close to zero.
fn natural_logarithm(x: vec4<f32>) -> vec4<f32> {
    let near_one = abs(x - 1.25) < vec4<f32>(0.75);
    return select(log(x), twice_artanh((x - 1.0) / (x + 1.0)), near_one);
}

// log(1 + x) for x in [0, 1]: the sum 1 + x would lose a small x.
fn log_one_plus(x: vec4<f32>) -> vec4<f32> {
    return twice_artanh(x / (2.0 + x));
}

fn softplus(x: vec4<f32>) -> vec4<f32> {
    return max(x, vec4<f32>(0.0)) + log_one_plus(exp(-abs(x)));
}

// 1 - erf(x) for x >= 0 within 1.2e-7 of itself (Press et al., Numerical Recipes, "erfcc": a Chebyshev fit).
fn complementary_error(x: vec4<f32>) -> vec4<f32> {
    let t = 1.0 / (1.0 + 0.5 * x);
    let fit = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806
        + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
    return t * exp(fit - x * x);
}

// Maclaurin series to x^21 near zero, where the complement would cancel: of s^n the coefficient is 1 / (n! (2n + 1)).
fn error_function(x: vec4<f32>) -> vec4<f32> {
    let s = x * x;
    let series = 1.0 - s * (0.333333333 - s * (0.1 - s * (0.0238095238 - s * (0.00462962963
        - s * (0.000757575758 - s * (0.000106837607 - s * (0.0000132275132 - s * (0.00000145891690
        - s * (0.000000145038522 - s * 0.0000000131225329)))))))));
    let tail = 1.0 - complementary_error(min(abs(x), vec4<f32>(5.0)));
    return select(sign(x) * tail, 1.1283791671 * x * series, abs(x) < vec4<f32>(0.9));
}

fn gelu(x: vec4<f32>) -> vec4<f32> {
    let half_complement = 0.5 * complementary_error(min(abs(x) * 0.70710678, vec4<f32>(12.0)));
    return x * select(1.0 - half_complement, half_complement, x < vec4<f32>(0.0));
}

// x tanh(softplus(x)), the two functions merged: with e = exp(x) it is x e (e + 2) / (e (e + 2) + 2).
fn mish(x: vec4<f32>) -> vec4<f32> {
    let e = exp(min(x, vec4<f32>(20.0)));
    let n = e * (e + 2.0);
    return x * (n / (n + 2.0));
}

fn elu(x: vec4<f32>, alpha: f32) -> vec4<f32> {
    return select(x, alpha * exp_minus_one(x), x < vec4<f32>(0.0));
}

fn activate(code: u32, v: vec4<f32>, constants: vec2<f32>) -> vec4<f32> {
    let zero = vec4<f32>(0.0);
    let one = vec4<f32>(1.0);
    switch code {
        case 1u: { return max(v, zero); }
        case 2u: { return select(v, v * constants.x, v < zero); }
        case 3u: { return min(max(v, vec4<f32>(constants.x)), vec4<f32>(constants.y)); }
        case 4u: { return sigmoid(v); }
        case 5u: { return hyperbolic_tangent(v); }
        case 6u: { return v * constants.x + constants.y; }
        case 7u: { return elu(v, constants.x); }
        case 8u: { return constants.y * elu(v, constants.x); }
        case 9u: { return clamp(v * constants.x + constants.y, zero, one); }
        case 10u: { return v * clamp(v / 6.0 + 0.5, zero, one); }
        case 11u: { return error_function(v); }
        case 12u: { return gelu(v); }
        // 2 sqrt(2 / pi) = 1.5957691.
        case 13u: { return v * sigmoid(1.5957691 * (v + 0.044715 * v * v * v)); }
        case 14u: { return mish(v); }
        case 15u: { return softplus(v); }
        case 16u: { return v / (1.0 + abs(v)); }
        case 17u: { return sqrt(v); }
        case 18u: { return exp(v); }
        case 19u: { return natural_logarithm(v); }
        case 20u: { return abs(v); }
        case 21u: { return -v; }
        case 22u: { return 1.0 / v; }
        case 23u: { return floor(v); }
        case 24u: { return ceil(v); }
        case 25u: { return 1.0 - v; }
        case 26u: { return select(one, zero, v == zero); }
        case 27u: { return trunc(v); }
        case 28u: { return max(v, zero) + min(constants.x * exp_minus_one(min(v / constants.x, zero)), zero); }
        case 29u: { return select(zero, v, v > vec4<f32>(constants.x)); }
        case 30u: { return sign(v); }
        case 31u: { return round(v); }
        case 32u: { return v * sigmoid(constants.x * v); }
        default: { return v; }
    }
}
