// One of two row-major operands by a third, all under ONNX broadcasting, one element an invocation: strides are
// 0 along the dimensions that an operand repeats. Dimensions are right-aligned in the eight places; those before
// `first` have size 1. A condition holds where it is not 0.

struct Params {
    shape: array<vec4<u32>, 2>,
    c_strides: array<vec4<u32>, 2>,
    a_strides: array<vec4<u32>, 2>,
    b_strides: array<vec4<u32>, 2>,
    elements: u32,
    first: u32,
}

@group(0) @binding(0) var<storage, read> c: array<f32>;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

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
    var ic = 0u;
    var ia = 0u;
    var ib = 0u;
    for (var k = 8u; k > p.first; k--) {
        let d = k - 1u;
        let size = p.shape[d / 4u][d % 4u];
        let at = rest % size;
        rest = rest / size;
        ic += at * p.c_strides[d / 4u][d % 4u];
        ia += at * p.a_strides[d / 4u][d % 4u];
        ib += at * p.b_strides[d / 4u][d % 4u];
    }
    if c[ic] != 0.0 {
        y[i] = a[ia];
    } else {
        y[i] = b[ib];
    }
}
