// The taps of a row of the window side by side as channels, for inputs of so few channels that a group of four would
// be mostly padding: row-major in, channels-last out, one invocation an input row and output column.

struct Params {
    planes: u32,
    in_height: u32,
    in_width: u32,
    out_width: u32,
    channels: u32,
    stride_x: u32,
    dilation_x: u32,
    pad_left: i32,
    quads: u32,
    y_offset: u32,
}

override KERNEL_X: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

fn value(n: u32, row: u32, column: u32, feature: u32) -> f32 {
    let channel = feature / KERNEL_X;
    let at = i32(column * p.stride_x + feature % KERNEL_X * p.dilation_x) - p.pad_left;
    if channel >= p.channels || at < 0 || at >= i32(p.in_width) {
        return 0.0;
    }
    return x[((n * p.channels + channel) * p.in_height + row) * p.in_width + u32(at)];
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    let column = i % p.out_width;
    let row = i / p.out_width % p.in_height;
    let n = i / (p.out_width * p.in_height);
    if n >= p.planes {
        return;
    }
    for (var quad = 0u; quad < p.quads; quad++) {
        let f = quad * 4u;
        let v = vec4<f32>(
            value(n, row, column, f),
            value(n, row, column, f + 1u),
            value(n, row, column, f + 2u),
            value(n, row, column, f + 3u),
        );
        write_y(p.y_offset + i * p.quads + quad, v);
    }
}
