// Product with constant weights: y = last(first(a * w + bias)), a row-major with K columns. A lane computes up
// to four rows of four columns over every SLICES-th group of four k; lanes of one workgroup add their
// slices up. Weights are row-major in k with the columns padded to a multiple of four.

struct Params {
    rows: u32,
    k: u32,
    columns: u32,
    // Groups of four columns.
    quads: u32,
    // The product may be a part of a wider one: its first column there, and the columns of the whole.
    first_column: u32,
    all_columns: u32,
    first_a: f32,
    first_b: f32,
    last_a: f32,
    last_b: f32,
}

// Rows of a lane, 1 or 4.
override ROWS: u32;
// Lanes that share one result: a power of two.
override SLICES: u32;
// Whether k and the columns are multiples of four, so that rows begin at whole groups.
override K_ALIGNED: bool;
override COLUMNS_ALIGNED: bool;

@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
// The weights, then the bias.
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

var<workgroup> sums: array<vec4<f32>, WORKGROUP * 4>;

fn scalar(i: u32, is_inside: bool) -> f32 {
    var v = 0.0;
    if is_inside {
        v = a[i / 4u][i % 4u];
    }
    return v;
}

// Four neighbours of a row, zeros past its end.
fn load(row: u32, k: u32) -> vec4<f32> {
    let i = row * p.k + k;
    if K_ALIGNED {
        return a[i / 4u];
    }
    return vec4<f32>(
        scalar(i, true),
        scalar(i + 1u, k + 1u < p.k),
        scalar(i + 2u, k + 2u < p.k),
        scalar(i + 3u, k + 3u < p.k),
    );
}

fn store(row: u32, quad: u32, sum: vec4<f32>) {
    if row >= p.rows {
        return;
    }
    var v = sum + w[(p.k + 3u) / 4u * 4u * p.quads + quad];
    v = activate(FIRST, v, vec2<f32>(p.first_a, p.first_b));
    v = activate(LAST, v, vec2<f32>(p.last_a, p.last_b));
    let c = quad * 4u;
    let at = row * p.all_columns + p.first_column + c;
    y[at] = v.x;
    if COLUMNS_ALIGNED || c + 1u < p.columns { y[at + 1u] = v.y; }
    if COLUMNS_ALIGNED || c + 2u < p.columns { y[at + 2u] = v.z; }
    if COLUMNS_ALIGNED || c + 3u < p.columns { y[at + 3u] = v.w; }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // Neighbouring lanes take neighbouring columns, so that weights are read in order.
    let results = WORKGROUP / SLICES;
    let slice = lane / results;
    let item = (group.y * groups.x + group.x) * results + lane % results;
    let quad = item % p.quads;
    let row = item / p.quads * ROWS;
    // Rows past the last are computed from the last and not stored.
    let last = p.rows - 1u;
    let r0 = min(row, last);
    let r1 = min(row + 1u, last);
    let r2 = min(row + 2u, last);
    let r3 = min(row + 3u, last);

    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    for (var k = slice * 4u; k < p.k; k += SLICES * 4u) {
        let at = k * p.quads + quad;
        let w0 = w[at];
        let w1 = w[at + p.quads];
        let w2 = w[at + 2u * p.quads];
        let w3 = w[at + 3u * p.quads];
        let v0 = load(r0, k);
        s0 += v0.x * w0 + v0.y * w1 + v0.z * w2 + v0.w * w3;
        if ROWS == 4u {
            let v1 = load(r1, k);
            let v2 = load(r2, k);
            let v3 = load(r3, k);
            s1 += v1.x * w0 + v1.y * w1 + v1.z * w2 + v1.w * w3;
            s2 += v2.x * w0 + v2.y * w1 + v2.z * w2 + v2.w * w3;
            s3 += v3.x * w0 + v3.y * w1 + v3.z * w2 + v3.w * w3;
        }
    }
    if SLICES != 1u {
        sums[lane * 4u] = s0;
        sums[lane * 4u + 1u] = s1;
        sums[lane * 4u + 2u] = s2;
        sums[lane * 4u + 3u] = s3;
        workgroupBarrier();
        if slice == 0u {
            for (var other = 1u; other < SLICES; other++) {
                let start = (other * results + lane) * 4u;
                s0 += sums[start];
                s1 += sums[start + 1u];
                s2 += sums[start + 2u];
                s3 += sums[start + 3u];
            }
        }
    }
    if slice == 0u {
        store(row, quad, s0);
        if ROWS == 4u {
            store(row + 1u, quad, s1);
            store(row + 2u, quad, s2);
            store(row + 3u, quad, s3);
        }
    }
}
