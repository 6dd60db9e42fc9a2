// Implicit GEMM in which every lane loads one row of weights and the subgroup shares them by broadcast:
// an eighth of the weight loads, which is what a load-bound device wants. 2 output pixels by 8 output
// channels an invocation; subgroups of at least 8 lanes, all of which must stay active throughout.
// Weights as for the register tile: the 8 rows of a step lie side by side.

fn product(sum: vec4<f32>, v: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>) -> vec4<f32> {
    return fma(v.wwww, w3, fma(v.zzzz, w2, fma(v.yyyy, w1, fma(v.xxxx, w0, sum))));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
    // A workgroup is one block of 128 pixels by 8 channels, so that its subgroups share their weights.
    let block = group.y * groups.x + group.x;
    let pixels = p.batch * p.out_height * p.out_width;
    let blocks = (pixels + 2u * WORKGROUP - 1u) / (2u * WORKGROUP);
    let octet = block / blocks;
    let pixel = block % blocks * 2u * WORKGROUP + lane;
    let window0 = window(min(pixel, pixels - 1u));
    let window1 = window(min(pixel + WORKGROUP, pixels - 1u));
    var a0 = vec4<f32>(0.0);
    var a1 = vec4<f32>(0.0);
    var b0 = vec4<f32>(0.0);
    var b1 = vec4<f32>(0.0);
    var row = octet * KERNEL_Y * KERNEL_X * p.in_quads * 8u + subgroup_lane % 8u;
    for (var ky = 0u; ky < KERNEL_Y; ky++) {
        for (var kx = 0u; kx < KERNEL_X; kx++) {
            let tap0 = tap(window0, ky, kx);
            let tap1 = tap(window1, ky, kx);
            for (var quad = 0u; quad < p.in_quads; quad++) {
                let w = weights[row];
                let v0 = load(tap0, quad);
                let v1 = load(tap1, quad);
                let w0 = subgroupBroadcast(w, 0u);
                let w1 = subgroupBroadcast(w, 1u);
                let w2 = subgroupBroadcast(w, 2u);
                let w3 = subgroupBroadcast(w, 3u);
                a0 = product(a0, v0, w0, w1, w2, w3);
                a1 = product(a1, v1, w0, w1, w2, w3);
                let w4 = subgroupBroadcast(w, 4u);
                let w5 = subgroupBroadcast(w, 5u);
                let w6 = subgroupBroadcast(w, 6u);
                let w7 = subgroupBroadcast(w, 7u);
                b0 = product(b0, v0, w4, w5, w6, w7);
                b1 = product(b1, v1, w4, w5, w6, w7);
                row += 8u;
            }
        }
    }
    let first = octet * 2u;
    finish(a0, pixel, first);
    finish(a1, pixel + WORKGROUP, first);
    finish(b0, pixel, first + 1u);
    finish(b1, pixel + WORKGROUP, first + 1u);
}
