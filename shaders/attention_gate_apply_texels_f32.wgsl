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

@group(0) @binding(2) var y: Stored;
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
    let mask = read_masks(p.mask_offset + pixel).x;
    // Read once: llvmpipe gathers a uniform lane by lane wherever it is read anew.
    let turns = p.turns;
    let quads = p.quads;
    let x_first = p.x_offset + pixel * p.x_stride;
    let y_first = p.y_offset + pixel * p.y_stride;
    for (var quad = i % turns; quad < quads; quad += turns) {
        textureStore(y, texel(y_first + quad), read_x(x_first + quad) * mask);
    }
}
