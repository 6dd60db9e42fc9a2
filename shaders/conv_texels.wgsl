// What else a convolution reads, and what it writes, in textures.

// Bias of every quad, then scale, then shift.
@group(0) @binding(2) var channels: texture_2d<f32>;
@group(0) @binding(4) var y: Stored;

fn read_channels(i: u32) -> vec4<f32> {
    return textureLoad(channels, texel(i), 0);
}

fn write_y(i: u32, v: vec4<f32>) {
    textureStore(y, texel(i), v);
}
