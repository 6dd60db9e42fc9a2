// One invocation computes all sums of its pixels: no barriers, so any device runs it.

const SHARE: u32 = 1u;

fn total(lane: u32, value: vec4<f32>) -> vec4<f32> {
    return value;
}
