// Reduces rows of a tensor, which may lie in either layout, to one element each, side by side.

struct Params {
    kept_shape: vec4<u32>,
    kept_strides: vec4<u32>,
    gone_shape: vec4<u32>,
    gone_strides: vec4<u32>,
    rows: u32,
    length: u32,
    x_first: u32,
    exponent: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

fn element(first: u32, k: u32) -> vec4<f32> {
    return vec4<f32>(x[first + dot(coordinates_within(k, p.gone_shape), p.gone_strides)]);
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
    let start = element(first, min(begin, p.length - 1u));
    var largest = start;
    if REDUCTION == LOG_SUM_EXP {
        for (var k = begin; k < p.length; k += STEP) {
            largest = max(largest, element(first, k));
        }
        largest = total(LARGEST, lane, largest);
    }
    var joined = neutral(start);
    for (var k = begin; k < p.length; k += STEP) {
        joined = join(joining(), joined, term(element(first, k), largest, p.exponent));
    }
    joined = total(joining(), lane, joined);
    if begin == 0u && item < p.rows {
        y[row] = outcome(joined, largest, p.length, p.exponent).x;
    }
}
