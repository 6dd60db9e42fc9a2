// Softmax and its kin along rows of a tensor, which may lie in either layout; the result is row-major.

struct Params {
    kept_shape: vec4<u32>,
    kept_x: vec4<u32>,
    kept_y: vec4<u32>,
    gone_shape: vec4<u32>,
    gone_x: vec4<u32>,
    gone_y: vec4<u32>,
    rows: u32,
    length: u32,
    x_first: u32,
}

// 0 softmax, 1 its logarithm, 2 hardmax: one for the first of the largest elements, zero for all others.
override MODE: u32;

const LOGARITHM: u32 = 1u;
const HARD: u32 = 2u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

fn element(first: u32, k: u32) -> f32 {
    return x[first + dot(coordinates_within(k, p.gone_shape), p.gone_x)];
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // The grid may be larger than the work; what lies past the last row repeats it and writes nothing.
    let item = row_of(group, groups, lane);
    let kept = coordinates(min(item, p.rows - 1u), p.kept_shape);
    let first = p.x_first + dot(kept, p.kept_x);
    let to = dot(kept, p.kept_y);
    let begin = first_of(lane);
    let start = min(begin, p.length - 1u);
    // The largest element so far, and its index.
    var best = vec4<f32>(element(first, start), f32(start), vec2<f32>());
    for (var k = begin + STEP; k < p.length; k += STEP) {
        best = join(FIRST_LARGEST, best, vec4<f32>(element(first, k), f32(k), vec2<f32>()));
    }
    best = total(FIRST_LARGEST, lane, best);
    var sum = 0.0;
    if MODE != HARD {
        for (var k = begin; k < p.length; k += STEP) {
            sum += exp(element(first, k) - best.x);
        }
        sum = total(ADD, lane, vec4<f32>(sum)).x;
    }
    if item >= p.rows {
        return;
    }
    for (var k = begin; k < p.length; k += STEP) {
        let difference = element(first, k) - best.x;
        var v = 0.0;
        switch MODE {
            case LOGARITHM: { v = difference - log(sum); }
            case HARD: { v = select(0.0, 1.0, k == u32(best.y)); }
            default: { v = exp(difference) / sum; }
        }
        y[to + dot(coordinates_within(k, p.gone_shape), p.gone_y)] = v;
    }
}
