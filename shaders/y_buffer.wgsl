// The output in a buffer, written in groups of four.

@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;

fn write_y(i: u32, v: vec4<f32>) {
    y[i] = v;
}
