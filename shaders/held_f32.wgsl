// Textures that are read: of texels of four f32, without a sampler's levels of detail, which a software driver works out for
// every lane.
alias Held = texture_storage_2d<rgba32float, read>;

fn fetch(held: Held, i: u32) -> vec4<f32> {
    return textureLoad(held, texel(i));
}
