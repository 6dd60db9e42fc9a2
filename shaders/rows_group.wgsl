// One workgroup a row, for rows so long or so few that one invocation each would leave the device idle.

const STEP: u32 = WORKGROUP;

var<workgroup> parts: array<vec4<f32>, WORKGROUP>;

fn row_of(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> u32 {
    return group.y * groups.x + group.x;
}

// The first element of the row that the invocation reads; the next ones follow STEP apart.
fn first_of(lane: u32) -> u32 {
    return lane;
}

// All invocations' values joined; every one of them has to call it, and gets the result.
fn total(how: u32, lane: u32, value: vec4<f32>) -> vec4<f32> {
    // The result of an earlier call may still be being read.
    workgroupBarrier();
    parts[lane] = value;
    for (var width = WORKGROUP / 2u; width > 0u; width = width / 2u) {
        workgroupBarrier();
        if lane < width {
            parts[lane] = join(how, parts[lane], parts[lane + width]);
        }
    }
    workgroupBarrier();
    return parts[0];
}
