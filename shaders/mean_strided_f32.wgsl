// Mean over any dimensions of a row-major tensor, one element of the result an invocation. Dimensions are
// right-aligned in the eight places: those kept, with the input's strides, and those that are summed over.

struct Params {
    kept_shape: array<vec4<u32>, 2>,
    kept_strides: array<vec4<u32>, 2>,
    gone_shape: array<vec4<u32>, 2>,
    gone_strides: array<vec4<u32>, 2>,
    elements: u32,
    terms: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

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
    var first = 0u;
    for (var k = 8u; k > 0u; k--) {
        let d = k - 1u;
        let size = p.kept_shape[d / 4u][d % 4u];
        first += rest % size * p.kept_strides[d / 4u][d % 4u];
        rest = rest / size;
    }
    var sum = 0.0;
    for (var t = 0u; t < p.terms; t++) {
        var at = first;
        rest = t;
        for (var k = 8u; k > 0u && rest > 0u; k--) {
            let d = k - 1u;
            let size = p.gone_shape[d / 4u][d % 4u];
            at += rest % size * p.gone_strides[d / 4u][d % 4u];
            rest = rest / size;
        }
        sum += x[at];
    }
    y[i] = sum / f32(p.terms);
}
