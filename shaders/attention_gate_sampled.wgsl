// What an attention gate reads for every product, as sampled textures, whose texels are of f32 or of f16.

@group(0) @binding(0) var x: texture_2d<f32>;
@group(0) @binding(1) var signal: texture_2d<f32>;
@group(0) @binding(2) var weights: texture_2d<f32>;

fn read_x(i: u32) -> vec4<f32> {
    return textureLoad(x, texel(i), 0);
}

fn read_signal(i: u32) -> vec4<f32> {
    return textureLoad(signal, texel(i), 0);
}

fn read_weights(i: u32) -> vec4<f32> {
    return textureLoad(weights, texel(i), 0);
}
