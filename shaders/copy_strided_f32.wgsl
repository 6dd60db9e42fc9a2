// Moves a tensor: transposition, padding, slicing, tiling, joining. One element an invocation of the region
// that is written; every dimension of the input begins `begin` elements into it. Dimensions are right-aligned
// in the eight places; those before `first` have size 1.

struct Params {
    shape: array<vec4<u32>, 2>,
    x_shape: array<vec4<i32>, 2>,
    x_begin: array<vec4<i32>, 2>,
    x_strides: array<vec4<i32>, 2>,
    y_strides: array<vec4<u32>, 2>,
    elements: u32,
    first: u32,
    x_offset: i32,
    y_offset: u32,
    fill: f32,
}

// What lies outside of the input: 0 the fill value, 1 its edge, 2 its reflection, 3 the input again.
override OUTSIDE: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

fn wrapped(at: i32, period: i32) -> i32 {
    return (at % period + period) % period;
}

fn inside(at: i32, size: i32) -> i32 {
    switch OUTSIDE {
        case 1u: { return clamp(at, 0, size - 1); }
        case 2u: {
            // There and back again; one element is its own reflection.
            let period = max(2 * (size - 1), 1);
            let forward = wrapped(at, period);
            return min(forward, period - forward);
        }
        case 3u: { return wrapped(at, size); }
        default: { return at; }
    }
}

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
    var rest = i;
    var start = p.x_offset;
    var to = p.y_offset;
    var is_inside = true;
    for (var k = 8u; k > p.first; k--) {
        let d = k - 1u;
        let size = p.shape[d / 4u][d % 4u];
        let at = rest % size;
        rest = rest / size;
        let x_size = p.x_shape[d / 4u][d % 4u];
        let x_at = inside(i32(at) - p.x_begin[d / 4u][d % 4u], x_size);
        is_inside = is_inside && x_at >= 0 && x_at < x_size;
        start += x_at * p.x_strides[d / 4u][d % 4u];
        to += at * p.y_strides[d / 4u][d % 4u];
    }
    var v = p.fill;
    if is_inside {
        v = x[u32(start)];
    }
    y[to] = v;
}
