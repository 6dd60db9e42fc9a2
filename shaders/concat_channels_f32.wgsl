// Copies one part of a concatenation into its channels (channels-last): one invocation a pixel and group
// of four output channels that the part touches. Channels of the group that belong to other parts stay as
// they are.

struct Params {
    pixels: u32,
    quads: u32,
    first_channel: u32,
    channels: u32,
    all_channels: u32,
    x_offset: u32,
    x_stride: u32,
    y_offset: u32,
    y_stride: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> p: Params;

fn channel(pixel: u32, c: u32, old: f32) -> f32 {
    if c >= p.all_channels {
        return 0.0;
    }
    if c < p.first_channel || c >= p.first_channel + p.channels {
        return old;
    }
    let own = c - p.first_channel;
    return x[p.x_offset + pixel * p.x_stride + own / 4u][own % 4u];
}

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
    let quad = p.first_channel / 4u + i % p.quads;
    let c = quad * 4u;
    let at = p.y_offset + pixel * p.y_stride + quad;
    let old = y[at];
    y[at] = vec4<f32>(
        channel(pixel, c, old.x),
        channel(pixel, c + 1u, old.y),
        channel(pixel, c + 2u, old.z),
        channel(pixel, c + 3u, old.w),
    );
}
