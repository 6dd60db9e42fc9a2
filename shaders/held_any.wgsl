// Textures that are read: of texels of four f32 or f16.
alias Held = texture_2d<f32>;

fn fetch(held: Held, i: u32) -> vec4<f32> {
    return textureLoad(held, texel(i), 0);
}
