// Local response normalisation, channels-last: four channels of one pixel an invocation.

struct Params {
    pixels: u32,
    quads: u32,
    // Channels before and after an element's own that count.
    before: i32,
    after: i32,
    // Alpha over the number of channels.
    alpha: f32,
    beta: f32,
    bias: f32,
    x_offset: u32,
    x_stride: u32,
    y_offset: u32,
    y_stride: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> p: Params;

// A square, for those of the four channels whose window holds the channel that it is of.
fn counted(square: f32, channel: i32, own: vec4<i32>) -> vec4<f32> {
    let distance = vec4<i32>(channel) - own;
    let is_inside = (distance >= vec4<i32>(-p.before)) & (distance <= vec4<i32>(p.after));
    return select(vec4<f32>(0.0), vec4<f32>(square), is_inside);
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
    let quad = i % p.quads;
    let first = p.x_offset + pixel * p.x_stride;
    let own = vec4<i32>(i32(quad) * 4) + vec4<i32>(0, 1, 2, 3);
    // Groups of four that any of the windows reaches; channels past the last are zeros.
    let begin = u32(max(own.x - p.before, 0)) / 4u;
    let end = min(u32(own.w + p.after) / 4u + 1u, p.quads);
    var sum = vec4<f32>(0.0);
    for (var q = begin; q < end; q++) {
        let v = x[first + q];
        let squares = v * v;
        let channel = i32(q) * 4;
        sum += counted(squares.x, channel, own) + counted(squares.y, channel + 1, own);
        sum += counted(squares.z, channel + 2, own) + counted(squares.w, channel + 3, own);
    }
    let divisor = log2(p.bias + p.alpha * sum);
    y[p.y_offset + pixel * p.y_stride + quad] = x[first + quad] * exp2(-p.beta * divisor);
}
