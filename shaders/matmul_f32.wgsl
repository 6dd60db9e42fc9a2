// Product of two run-time operands: y = alpha * a * b + beta * c, four rows by four columns an invocation. The
// operands lie in any order, given by strides; batches are right-aligned in the eight places.

struct Params {
    batch_shape: array<vec4<u32>, 2>,
    a_batch_strides: array<vec4<u32>, 2>,
    b_batch_strides: array<vec4<u32>, 2>,
    batches: u32,
    rows: u32,
    k: u32,
    columns: u32,
    a_row_stride: u32,
    a_k_stride: u32,
    b_k_stride: u32,
    b_column_stride: u32,
    c_row_stride: u32,
    c_column_stride: u32,
    alpha: f32,
    beta: f32,
}

override HAS_C: bool;

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> c: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

fn store(batch: u32, row: u32, column: u32, sum: f32) {
    if row >= p.rows || column >= p.columns {
        return;
    }
    var v = p.alpha * sum;
    if HAS_C {
        v += p.beta * c[row * p.c_row_stride + column * p.c_column_stride];
    }
    y[(batch * p.rows + row) * p.columns + column] = v;
}

fn store_row(batch: u32, row: u32, column: u32, sum: vec4<f32>) {
    store(batch, row, column, sum.x);
    store(batch, row, column + 1u, sum.y);
    store(batch, row, column + 2u, sum.z);
    store(batch, row, column + 3u, sum.w);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    let row_tiles = (p.rows + 3u) / 4u;
    let column_tiles = (p.columns + 3u) / 4u;
    let batch = i / (row_tiles * column_tiles);
    if batch >= p.batches {
        return;
    }
    let row = i / column_tiles % row_tiles * 4u;
    let column = i % column_tiles * 4u;

    var a_first = 0u;
    var b_first = 0u;
    var rest = batch;
    for (var n = 8u; n > 0u; n--) {
        let d = n - 1u;
        let size = p.batch_shape[d / 4u][d % 4u];
        let at = rest % size;
        rest = rest / size;
        a_first += at * p.a_batch_strides[d / 4u][d % 4u];
        b_first += at * p.b_batch_strides[d / 4u][d % 4u];
    }
    // Rows and columns past the last read the last again and are not stored.
    let rows = min(vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(p.rows - 1u));
    let columns = min(vec4<u32>(column) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(p.columns - 1u));
    let first_a_of_row = vec4<u32>(a_first) + rows * p.a_row_stride;
    let first_b_of_column = vec4<u32>(b_first) + columns * p.b_column_stride;

    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    for (var k = 0u; k < p.k; k++) {
        let ia = first_a_of_row + vec4<u32>(k * p.a_k_stride);
        let ib = first_b_of_column + vec4<u32>(k * p.b_k_stride);
        let v = vec4<f32>(b[ib.x], b[ib.y], b[ib.z], b[ib.w]);
        s0 += a[ia.x] * v;
        s1 += a[ia.y] * v;
        s2 += a[ia.z] * v;
        s3 += a[ia.w] * v;
    }
    store_row(batch, row, column, s0);
    store_row(batch, row + 1u, column, s1);
    store_row(batch, row + 2u, column, s2);
    store_row(batch, row + 3u, column, s3);
}
