// The output in a texture, written in groups of four.

@group(0) @binding(1) var y: Stored;

fn write_y(i: u32, v: vec4<f32>) {
    textureStore(y, texel(i), v);
}
