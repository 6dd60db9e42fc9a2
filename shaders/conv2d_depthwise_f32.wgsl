// Depthwise convolution: every channel has a filter of its own, so four channels are one vector
// operation. One pixel and quad an invocation. Weights: [quad][ky][kx].

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    let quads = out_quads();
    let quad = i % quads;
    let pixel = i / quads;
    if pixel >= p.batch * p.out_height * p.out_width {
        return;
    }
    let w = window(pixel);
    var sum = vec4<f32>(0.0);
    for (var ky = 0u; ky < KERNEL_Y; ky++) {
        for (var kx = 0u; kx < KERNEL_X; kx++) {
            sum = fma(load(tap(w, ky, kx), quad), weights[(quad * KERNEL_Y + ky) * KERNEL_X + kx], sum);
        }
    }
    finish(sum, pixel, quad);
}
