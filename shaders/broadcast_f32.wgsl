// Two row-major operands under ONNX broadcasting, one element an invocation: strides are 0 along the
// dimensions that an operand repeats. Dimensions are right-aligned in the eight places.

struct Params {
    shape: array<vec4<u32>, 2>,
    a_strides: array<vec4<u32>, 2>,
    b_strides: array<vec4<u32>, 2>,
    elements: u32,
    first_a: f32,
    first_b: f32,
    last_a: f32,
    last_b: f32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
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
    var rest = i;
    var ia = 0u;
    var ib = 0u;
    for (var k = 8u; k > 0u; k--) {
        let d = k - 1u;
        let size = p.shape[d / 4u][d % 4u];
        let at = rest % size;
        rest = rest / size;
        ia += at * p.a_strides[d / 4u][d % 4u];
        ib += at * p.b_strides[d / 4u][d % 4u];
    }
    var v = combine(vec4<f32>(a[ia]), vec4<f32>(b[ib]));
    v = activate(FIRST, v, vec2<f32>(p.first_a, p.first_b));
    v = activate(LAST, v, vec2<f32>(p.last_a, p.last_b));
    y[i] = v.x;
}
