// Softmax of a dense layer: y = softmax(last(first(a * w + bias))) along rows. A workgroup takes a row; its lanes share the
// columns in groups of four and, where there are fewer groups than lanes, the way along k.

struct Params {
    rows: u32,
    k: u32,
    columns: u32,
    // Groups of four columns.
    quads: u32,
    first_a: f32,
    first_b: f32,
    last_a: f32,
    last_b: f32,
}

// Lanes along the columns: a power of two, at least `quads`. Lanes along k: the rest of the workgroup.
override LANES: u32;
override SLICES: u32;

@group(0) @binding(0) var<storage, read> a: array<f32>;
// The weights, then the bias: as in the dense layer by itself.
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

var<workgroup> parts: array<vec4<f32>, WORKGROUP>;

fn column(c: u32) -> f32 {
    return parts[c / 4u][c % 4u];
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // The grid may be larger than the work; what lies past the last row repeats it and writes nothing.
    let row = group.y * groups.x + group.x;
    let first = min(row, p.rows - 1u) * p.k;
    let slice = lane / LANES;
    let quad = min(lane % LANES, p.quads - 1u);
    var v = vec4<f32>(0.0);
    for (var k = slice; k < p.k; k += SLICES) {
        v += a[first + k] * w[k * p.quads + quad];
    }
    parts[lane] = v;
    workgroupBarrier();
    if slice == 0u {
        for (var other = 1u; other < SLICES; other++) {
            v += parts[other * LANES + lane];
        }
        v += w[(p.k + 3u) / 4u * 4u * p.quads + quad];
        v = activate(FIRST, v, vec2<f32>(p.first_a, p.first_b));
        v = activate(LAST, v, vec2<f32>(p.last_a, p.last_b));
        // Nobody else reads what lies here: it is of the first slice.
        parts[lane] = v;
    }
    workgroupBarrier();
    var largest = column(0u);
    for (var c = 1u; c < p.columns; c++) {
        largest = max(largest, column(c));
    }
    workgroupBarrier();
    if slice == 0u {
        parts[lane] = exp(v - largest);
    }
    workgroupBarrier();
    var sum = 0.0;
    for (var c = 0u; c < p.columns; c++) {
        sum += column(c);
    }
    if row >= p.rows || slice != 0u {
        return;
    }
    for (var c = lane * 4u; c < min(lane * 4u + 4u, p.columns); c++) {
        y[row * p.columns + c] = column(c) / sum;
    }
}
