// Row-major NCHW to channels-last: one invocation a pixel and group of four channels. Channels past the
// last are written as zero, the promise that every channels-last tensor keeps.

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

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

fn load(n: u32, channel: u32, pixel: u32) -> f32 {
    if channel >= p.channels {
        return 0.0;
    }
    return x[p.first + (n * p.channels + channel) * p.plane + pixel];
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Neighbouring invocations take neighbouring pixels, so that the scalar reads are contiguous.
    let i = invocation_index(group, groups, lane);
    let quads = (p.channels + 3u) / 4u;
    if i >= p.batch * quads * p.pixels {
        return;
    }
    let pixel = i % p.pixels;
    let quad = i / p.pixels % quads;
    let n = i / (p.pixels * quads);
    let c = quad * 4u;
    let v = vec4<f32>(load(n, c, pixel), load(n, c + 1u, pixel), load(n, c + 2u, pixel), load(n, c + 3u, pixel));
    write_y(p.offset + (n * p.pixels + pixel) * p.stride + quad, v);
}
