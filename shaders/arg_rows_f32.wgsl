// The index of the largest or smallest element of every row of a tensor, which may lie in either layout. An
// index is stored as f32, exact up to 2^24.

struct Params {
    kept_shape: vec4<u32>,
    kept_strides: vec4<u32>,
    gone_shape: vec4<u32>,
    gone_strides: vec4<u32>,
    rows: u32,
    length: u32,
    x_first: u32,
}

override SMALLEST_WINS: bool;
override LAST_WINS: bool;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

// An element with its index; negated where the smallest wins.
fn candidate(first: u32, k: u32) -> vec4<f32> {
    let v = x[first + dot(coordinates_within(k, p.gone_shape), p.gone_strides)];
    return vec4<f32>(select(v, -v, SMALLEST_WINS), f32(k), vec2<f32>());
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // The grid may be larger than the work; what lies past the last row repeats it and writes nothing.
    let item = row_of(group, groups, lane);
    let row = min(item, p.rows - 1u);
    let first = p.x_first + dot(coordinates(row, p.kept_shape), p.kept_strides);
    let begin = first_of(lane);
    let how = select(FIRST_LARGEST, LAST_LARGEST, LAST_WINS);
    var best = candidate(first, min(begin, p.length - 1u));
    for (var k = begin + STEP; k < p.length; k += STEP) {
        best = join(how, best, candidate(first, k));
    }
    best = total(how, lane, best);
    if begin == 0u && item < p.rows {
        y[row] = best.y;
    }
}
