// One invocation a row: no barriers, so any device runs it.

const STEP: u32 = 1u;

fn row_of(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> u32 {
    return invocation_index(group, groups, lane);
}

// The first element of the row that the invocation reads; the next ones follow STEP apart.
fn first_of(lane: u32) -> u32 {
    return 0u;
}

fn total(how: u32, lane: u32, value: vec4<f32>) -> vec4<f32> {
    return value;
}
