// Channels-last to row-major NCHW: one invocation an element of the result.

struct Params {
    batch: u32,
    channels: u32,
    pixels: u32,
    offset: u32,
    stride: u32,
    // Of the row-major tensor: the first element of these pixels, and the distance from channel to channel.
    first: u32,
    plane: u32,
}

@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    if i >= p.batch * p.channels * p.pixels {
        return;
    }
    let pixel = i % p.pixels;
    let channel = i / p.pixels % p.channels;
    let n = i / (p.pixels * p.channels);
    let quad = read_x(p.offset + (n * p.pixels + pixel) * p.stride + channel / 4u);
    y[p.first + (n * p.channels + channel) * p.plane + pixel] = quad[channel % 4u];
}
