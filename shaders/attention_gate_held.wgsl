// What an attention gate reads for every product, as storage textures of four f32 a texel: those have no levels of
// detail, which llvmpipe works out for every lane of a sampled one.

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var signal: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var weights: texture_storage_2d<rgba32float, read>;

fn read_x(i: u32) -> vec4<f32> {
    return textureLoad(x, texel(i));
}

fn read_signal(i: u32) -> vec4<f32> {
    return textureLoad(signal, texel(i));
}

fn read_weights(i: u32) -> vec4<f32> {
    return textureLoad(weights, texel(i));
}
