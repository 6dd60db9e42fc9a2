// Textures as memory: groups of four f32 one after the other, row after row.

const TEXELS_A_ROW: u32 = 2048u;

fn texel(i: u32) -> vec2<u32> {
    return vec2<u32>(i % TEXELS_A_ROW, i / TEXELS_A_ROW);
}
