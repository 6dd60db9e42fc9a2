// What the products of Winograd's convolution read and write, in textures.

@group(0) @binding(0) var x: texture_2d<f32>;
@group(0) @binding(1) var weights: texture_2d<f32>;
@group(0) @binding(2) var y: texture_storage_2d<rgba32float, write>;

fn read_x(i: u32) -> vec4<f32> {
    return textureLoad(x, texel(i), 0);
}

fn read_weights(i: u32) -> vec4<f32> {
    return textureLoad(weights, texel(i), 0);
}

fn write_y(i: u32, v: vec4<f32>) {
    textureStore(y, texel(i), v);
}
