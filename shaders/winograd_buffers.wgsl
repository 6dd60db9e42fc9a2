// What the products of Winograd's convolution read and write, in buffers.

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

fn read_x(i: u32) -> vec4<f32> {
    return x[i];
}

fn read_weights(i: u32) -> vec4<f32> {
    return weights[i];
}

fn write_y(i: u32, v: vec4<f32>) {
    y[i] = v;
}
