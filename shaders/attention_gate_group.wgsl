// SHARE neighbouring invocations share the sums of their pixels out, for maps so small or sums so many that one
// invocation each would leave the device idle.

override SHARE: u32;

var<workgroup> parts: array<vec4<f32>, WORKGROUP>;

// The values of those that share added up; every invocation of the workgroup has to call it.
fn total(lane: u32, value: vec4<f32>) -> vec4<f32> {
    parts[lane] = value;
    workgroupBarrier();
    let first = lane / SHARE * SHARE;
    var sum = vec4<f32>(0.0);
    for (var i = 0u; i < SHARE; i++) {
        sum += parts[first + i];
    }
    return sum;
}
