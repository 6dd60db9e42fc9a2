// The second half of an attention gate in textures: every pixel times its mask. A number of invocations a pixel take
// turns at its groups of four channels.

struct Params {
    pixels: u32,
    quads: u32,
    x_offset: u32,
    x_stride: u32,
    mask_offset: u32,
    y_offset: u32,
    y_stride: u32,
    turns: u32,
}

@group(0) @binding(0) var x: texture_2d<f32>;
@group(0) @binding(1) var masks: texture_2d<f32>;
@group(0) @binding(2) var y: texture_storage_2d<rgba32float, write>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    if i >= p.pixels * p.turns {
        return;
    }
    let pixel = i / p.turns;
    let mask = textureLoad(masks, texel(p.mask_offset + pixel), 0).x;
    for (var quad = i % p.turns; quad < p.quads; quad += p.turns) {
        let v = textureLoad(x, texel(p.x_offset + pixel * p.x_stride + quad), 0);
        textureStore(y, texel(p.y_offset + pixel * p.y_stride + quad), v * mask);
    }
}
