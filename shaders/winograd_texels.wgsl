// What the products of Winograd's convolution read and write, in textures.

@group(0) @binding(0) var x: Held;
@group(0) @binding(1) var weights: Held;
@group(0) @binding(2) var y: Stored;

fn read_x(i: u32) -> vec4<f32> {
    return fetch(x, i);
}

fn read_weights(i: u32) -> vec4<f32> {
    return fetch(weights, i);
}

fn write_y(i: u32, v: vec4<f32>) {
    textureStore(y, texel(i), v);
}
