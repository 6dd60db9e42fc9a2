// What the products of Winograd's convolution write, in a texture.

@group(0) @binding(2) var y: Stored;

fn write_y(i: u32, v: vec4<f32>) {
    textureStore(y, texel(i), v);
}
