// Softmax of row-major rows, one row an invocation. A row's elements lie `stride` apart: along an inner
// axis neighbouring invocations then read neighbouring elements.

struct Params {
    rows: u32,
    length: u32,
    stride: u32,
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
    if i >= p.rows {
        return;
    }
    let first = i / p.stride * p.stride * p.length + i % p.stride;
    var largest = x[first];
    for (var k = 1u; k < p.length; k++) {
        largest = max(largest, x[first + k * p.stride]);
    }
    var sum = 0.0;
    for (var k = 0u; k < p.length; k++) {
        sum += exp(x[first + k * p.stride] - largest);
    }
    for (var k = 0u; k < p.length; k++) {
        let at = first + k * p.stride;
        y[at] = exp(x[at] - largest) / sum;
    }
}
