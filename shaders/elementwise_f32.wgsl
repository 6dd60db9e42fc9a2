// One or two operands, then the fused tail, four elements an invocation. The first operand has the
// result's shape; the second may be the same for all rows, for some, or for all columns (splat).
// Channels-last: a row is a pixel, a column four channels. Row-major: one row of all elements.

struct Params {
    rows: u32,
    columns: u32,
    channels: u32,
    a_offset: u32,
    a_stride: u32,
    // Counted from the first row of the whole tensor, where this is a part of one.
    b_first_row: u32,
    b_offset: u32,
    b_row_stride: u32,
    b_column_stride: u32,
    b_rows_per_row: u32,
    y_offset: u32,
    y_stride: u32,
    first_a: f32,
    first_b: f32,
    last_a: f32,
    last_b: f32,
}

override SPLAT: bool;

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;
// Scale of every group of four channels, then shift.
@group(0) @binding(2) var<storage, read> post: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> p: Params;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    if i >= p.rows * p.columns {
        return;
    }
    let row = i / p.columns;
    let column = i % p.columns;
    var v = a[p.a_offset + row * p.a_stride + column];
    if BINARY != 0u {
        let w = b[p.b_offset + (row + p.b_first_row) / p.b_rows_per_row * p.b_row_stride + column * p.b_column_stride];
        v = combine(v, select(w, w.xxxx, SPLAT));
    }
    v = activate(FIRST, v, vec2<f32>(p.first_a, p.first_b));
    if HAS_POST {
        v = v * post[column] + post[p.columns + column];
    }
    v = activate(LAST, v, vec2<f32>(p.last_a, p.last_b));
    y[p.y_offset + row * p.y_stride + column] = mask_channels(v, column, p.channels);
}
