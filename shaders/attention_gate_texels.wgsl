// What else an attention gate reads, and what it writes, in textures. A texture is not read and written in one
// dispatch, and the signal may lie in the one that the gate's result belongs in: so the masks alone are written, and
// applied by a second dispatch.

@group(0) @binding(3) var channels: texture_2d<f32>;
@group(0) @binding(4) var y: Stored;

fn read_channels(i: u32) -> vec4<f32> {
    return textureLoad(channels, texel(i), 0);
}

// Every pixel's mask, a texel each.
fn write_masked(pixel: u32, quad: u32, mask: f32) {
    if (pixel < p.pixels) & (quad == 0u) {
        textureStore(y, texel(p.y_offset + pixel), vec4<f32>(mask));
    }
}
