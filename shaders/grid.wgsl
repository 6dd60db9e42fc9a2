// Shared by all kernels: a linear index over a grid that the host has folded over x and y, because one
// dimension holds at most 65,535 workgroups.

const WORKGROUP: u32 = 64u;

fn invocation_index(group: vec3<u32>, groups: vec3<u32>, lane: u32) -> u32 {
    return (group.y * groups.x + group.x) * WORKGROUP + lane;
}
