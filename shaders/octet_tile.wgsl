// A register tile: the sums of four pixels for eight output channels, and a step that adds one quad of inputs.
// `weights` are those of the kernel: eight rows a step, four inputs for the first quad of outputs, then for the second.

struct Sums {
    a0: vec4<f32>,
    a1: vec4<f32>,
    a2: vec4<f32>,
    a3: vec4<f32>,
    b0: vec4<f32>,
    b1: vec4<f32>,
    b2: vec4<f32>,
    b3: vec4<f32>,
}

// One quad of inputs of four pixels.
struct Inputs {
    v0: vec4<f32>,
    v1: vec4<f32>,
    v2: vec4<f32>,
    v3: vec4<f32>,
}

fn no_sums() -> Sums {
    let zero = vec4<f32>(0.0);
    return Sums(zero, zero, zero, zero, zero, zero, zero, zero);
}

// One quad of inputs against four rows of weights.
fn product(sum: vec4<f32>, v: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>) -> vec4<f32> {
    return fma(v.wwww, w3, fma(v.zzzz, w2, fma(v.yyyy, w1, fma(v.xxxx, w0, sum))));
}

fn accumulate(s: Sums, v: Inputs, row: u32) -> Sums {
    let w0 = read_weights(row);
    let w1 = read_weights(row + 1u);
    let w2 = read_weights(row + 2u);
    let w3 = read_weights(row + 3u);
    let w4 = read_weights(row + 4u);
    let w5 = read_weights(row + 5u);
    let w6 = read_weights(row + 6u);
    let w7 = read_weights(row + 7u);
    return Sums(
        product(s.a0, v.v0, w0, w1, w2, w3),
        product(s.a1, v.v1, w0, w1, w2, w3),
        product(s.a2, v.v2, w0, w1, w2, w3),
        product(s.a3, v.v3, w0, w1, w2, w3),
        product(s.b0, v.v0, w4, w5, w6, w7),
        product(s.b1, v.v1, w4, w5, w6, w7),
        product(s.b2, v.v2, w4, w5, w6, w7),
        product(s.b3, v.v3, w4, w5, w6, w7),
    );
}
