// Textures as memory: groups of four numbers one after the other, row after row. What is read is f32 whatever a texture
// stores; a short text in front says what `Stored` is, the texture that is written.

const TEXELS_A_ROW: u32 = 2048u;

fn texel(i: u32) -> vec2<u32> {
    return vec2<u32>(i % TEXELS_A_ROW, i / TEXELS_A_ROW);
}
