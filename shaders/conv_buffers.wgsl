// What a convolution reads and writes, in buffers.

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
// Bias of every quad, then scale, then shift.
@group(0) @binding(2) var<storage, read> channels: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> added: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;

fn read_x(i: u32) -> vec4<f32> {
    return x[i];
}

fn read_weights(i: u32) -> vec4<f32> {
    return weights[i];
}

fn read_channels(i: u32) -> vec4<f32> {
    return channels[i];
}

fn read_added(i: u32) -> vec4<f32> {
    return added[i];
}

fn write_y(i: u32, v: vec4<f32>) {
    y[i] = v;
}
