// Reduces all pixels, channels-last: one workgroup a sample and group of four channels.

struct Params {
    batch: u32,
    quads: u32,
    channels: u32,
    pixels: u32,
    x_offset: u32,
    x_stride: u32,
    y_offset: u32,
    y_stride: u32,
    exponent: f32,
}

@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // The folded grid may be larger than the work; such a group reads the last sample again and writes nothing.
    let item = row_of(group, groups, lane);
    let n = min(item / p.quads, p.batch - 1u);
    let quad = item % p.quads;
    let first = p.x_offset + n * p.pixels * p.x_stride + quad;
    let begin = first_of(lane);
    let start = read_x(first + min(begin, p.pixels - 1u) * p.x_stride);
    var largest = start;
    if REDUCTION == LOG_SUM_EXP {
        for (var pixel = begin; pixel < p.pixels; pixel += STEP) {
            largest = max(largest, read_x(first + pixel * p.x_stride));
        }
        largest = total(LARGEST, lane, largest);
    }
    var joined = neutral(start);
    for (var pixel = begin; pixel < p.pixels; pixel += STEP) {
        joined = join(joining(), joined, term(read_x(first + pixel * p.x_stride), largest, p.exponent));
    }
    joined = total(joining(), lane, joined);
    if begin == 0u && item < p.batch * p.quads {
        let v = outcome(joined, largest, p.pixels, p.exponent);
        write_y(p.y_offset + n * p.y_stride + quad, mask_channels(v, quad, p.channels));
    }
}
