// What the second half of an attention gate reads, as sampled textures, whose texels are of f32 or of f16.

@group(0) @binding(0) var x: texture_2d<f32>;
@group(0) @binding(1) var masks: texture_2d<f32>;

fn read_x(i: u32) -> vec4<f32> {
    return textureLoad(x, texel(i), 0);
}

fn read_masks(i: u32) -> vec4<f32> {
    return textureLoad(masks, texel(i), 0);
}
