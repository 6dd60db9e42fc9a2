// Copies groups of four channels, channels-last on both sides: one invocation a pixel and group.

struct Params {
    pixels: u32,
    quads: u32,
    x_offset: u32,
    x_stride: u32,
    y_offset: u32,
    y_stride: u32,
}

@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    if i >= p.pixels * p.quads {
        return;
    }
    let pixel = i / p.quads;
    let quad = i % p.quads;
    write_y(p.y_offset + pixel * p.y_stride + quad, read_x(p.x_offset + pixel * p.x_stride + quad));
}
