// Shared by kernels that end in a fused tail: y = last(post(first(x)) + residual).

override FIRST: u32 = 0u;
override LAST: u32 = 0u;
override HAS_POST: bool = false;

// The built-in may be off by 1e-5 (WGSL's table), which near zero is everything, and is NaN for large
// arguments on drivers that divide two exponentials. Taylor series to x^11 near zero, else by exp().
fn hyperbolic_tangent(x: vec4<f32>) -> vec4<f32> {
    let s = x * x;
    let series = 1.0 + s * (-1.0 / 3.0 + s * (2.0 / 15.0 + s * (-17.0 / 315.0
        + s * (62.0 / 2835.0 - s * (1382.0 / 155925.0)))));
    let quotient = 1.0 - 2.0 / (exp(2.0 * clamp(x, vec4<f32>(-10.0), vec4<f32>(10.0))) + 1.0);
    return select(quotient, x * series, abs(x) < vec4<f32>(0.35));
}

fn activate(code: u32, v: vec4<f32>, constants: vec2<f32>) -> vec4<f32> {
    switch code {
        case 1u: { return max(v, vec4<f32>(0.0)); }
        case 2u: { return select(v, v * constants.x, v < vec4<f32>(0.0)); }
        case 3u: { return min(max(v, vec4<f32>(constants.x)), vec4<f32>(constants.y)); }
        // Beyond 88 exp() overflows; the quotient is 0 there, which infinity would give too, were it allowed.
        case 4u: { return 1.0 / (1.0 + exp(min(-v, vec4<f32>(88.0)))); }
        case 5u: { return hyperbolic_tangent(v); }
        default: { return v; }
    }
}

// Zeroes the lanes of a group of four channels that lie past the last channel.
fn mask_channels(v: vec4<f32>, quad: u32, channels: u32) -> vec4<f32> {
    let c = vec4<u32>(quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    return select(vec4<f32>(0.0), v, c < vec4<u32>(channels));
}
