// What a convolution reads and writes, in textures.

@group(0) @binding(0) var x: Held;
@group(0) @binding(1) var weights: Held;
// Bias of every quad, then scale, then shift.
@group(0) @binding(2) var channels: texture_2d<f32>;
@group(0) @binding(3) var added: Held;
@group(0) @binding(4) var y: Stored;

fn read_x(i: u32) -> vec4<f32> {
    return fetch(x, i);
}

fn read_weights(i: u32) -> vec4<f32> {
    return fetch(weights, i);
}

fn read_channels(i: u32) -> vec4<f32> {
    return textureLoad(channels, texel(i), 0);
}

fn read_added(i: u32) -> vec4<f32> {
    return fetch(added, i);
}

fn write_y(i: u32, v: vec4<f32>) {
    textureStore(y, texel(i), v);
}
