// Mean over all pixels, channels-last: one workgroup a sample and group of four channels.

struct Params {
    batch: u32,
    quads: u32,
    channels: u32,
    pixels: u32,
    x_offset: u32,
    x_stride: u32,
    y_offset: u32,
    y_stride: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> p: Params;

var<workgroup> sums: array<vec4<f32>, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // The folded grid may be larger than the work; such a group reads the last sample again and writes nothing.
    let item = group.y * groups.x + group.x;
    let n = min(item / p.quads, p.batch - 1u);
    let quad = item % p.quads;
    let first = p.x_offset + n * p.pixels * p.x_stride + quad;
    var sum = vec4<f32>(0.0);
    for (var pixel = lane; pixel < p.pixels; pixel += WORKGROUP) {
        sum += x[first + pixel * p.x_stride];
    }
    sums[lane] = sum;
    for (var width = WORKGROUP / 2u; width > 0u; width = width / 2u) {
        workgroupBarrier();
        if lane < width {
            sums[lane] += sums[lane + width];
        }
    }
    if lane == 0u && item < p.batch * p.quads {
        y[p.y_offset + n * p.y_stride + quad] = mask_channels(sums[0] / f32(p.pixels), quad, p.channels);
    }
}
