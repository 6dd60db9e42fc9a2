// Shared by kernels that end in a fused tail: y = last(post(first(x)) + residual).

override FIRST: u32 = 0u;
override LAST: u32 = 0u;
override HAS_POST: bool = false;

fn activate(code: u32, v: vec4<f32>, constants: vec2<f32>) -> vec4<f32> {
    switch code {
        case 1u: { return max(v, vec4<f32>(0.0)); }
        case 2u: { return select(v, v * constants.x, v < vec4<f32>(0.0)); }
        case 3u: { return min(max(v, vec4<f32>(constants.x)), vec4<f32>(constants.y)); }
        // Beyond 88 exp() overflows; the quotient is 0 there, which infinity would give too, were it allowed.
        case 4u: { return 1.0 / (1.0 + exp(min(-v, vec4<f32>(88.0)))); }
        // tanh() of large arguments is NaN on drivers that divide two exponentials.
        case 5u: { return tanh(clamp(v, vec4<f32>(-10.0), vec4<f32>(10.0))); }
        default: { return v; }
    }
}

// Zeroes the lanes of a group of four channels that lie past the last channel.
fn mask_channels(v: vec4<f32>, quad: u32, channels: u32) -> vec4<f32> {
    let c = vec4<u32>(quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    return select(vec4<f32>(0.0), v, c < vec4<u32>(channels));
}
