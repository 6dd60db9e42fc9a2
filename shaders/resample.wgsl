// Resizes or picks along one dimension or two adjacent ones: every output row is a weighted sum of the input's
// rows, the same for columns, by tables from the host. One element an invocation. `Element` is joined in front.

struct Params {
    elements: u32,
    rows: u32,
    columns: u32,
    inner: u32,
    quads: u32,
    x_rows: u32,
    x_columns: u32,
    row_taps: u32,
    column_taps: u32,
    x_offset: u32,
    x_stride: u32,
    y_offset: u32,
    y_stride: u32,
    fill: f32,
}

// 0 where every row and column is one element of the input, unchanged.
override WEIGHTED: u32;

@group(0) @binding(0) var<storage, read> x: array<Element>;
// Taps of all rows, then of all columns: an index, which f32 holds exactly, and its weight. Where the first
// index is negative, the fill value stands.
@group(0) @binding(1) var<storage, read> taps: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<Element>;
@group(0) @binding(3) var<uniform> p: Params;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    if i >= p.elements {
        return;
    }
    let quad = i % p.quads;
    let pixel = i / p.quads;
    let within = pixel % p.inner;
    let column = pixel / p.inner % p.columns;
    let line = pixel / (p.inner * p.columns);
    let outer = line / p.rows;
    let row_taps = line % p.rows * p.row_taps;
    let column_taps = p.rows * p.row_taps + column * p.column_taps;
    var v = Element(p.fill);
    if taps[row_taps].x >= 0.0 && taps[column_taps].x >= 0.0 {
        v = Element();
        for (var r = 0u; r < p.row_taps; r++) {
            let row = taps[row_taps + r];
            var sum = Element();
            for (var c = 0u; c < p.column_taps; c++) {
                let tap = taps[column_taps + c];
                let x_line = (outer * p.x_rows + u32(row.x)) * p.x_columns + u32(tap.x);
                let element = x[p.x_offset + (x_line * p.inner + within) * p.x_stride + quad];
                if WEIGHTED == 0u {
                    // Untouched by arithmetic, which may flush the smallest numbers to zero.
                    sum = element;
                } else {
                    sum += tap.y * element;
                }
            }
            if WEIGHTED == 0u {
                v = sum;
            } else {
                v += row.y * sum;
            }
        }
    }
    y[p.y_offset + pixel * p.y_stride + quad] = v;
}
