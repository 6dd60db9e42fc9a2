// The input in a buffer, read in groups of four.

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;

fn read_x(i: u32) -> vec4<f32> {
    return x[i];
}
