// As many bytes as a device moves at most: every element is read once and written once, and nothing is computed.

struct Params {
    // Groups of four f32, whole blocks of them.
    quads: u32,
}

// Groups of four an invocation moves; a workgroup's lie side by side.
override QUADS: u32;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = (group.y * groups.x + group.x) * WORKGROUP * QUADS + lane;
    for (var k = 0u; k < QUADS; k++) {
        let i = first + k * WORKGROUP;
        if i < p.quads {
            y[i] = x[i];
        }
    }
}
