// Implicit GEMM with a register tile: 4 output pixels by 8 output channels an invocation. Portable: no
// subgroups, no barrier. Weights: [channels / 8][ky][kx][quad of inputs][2 quads of outputs][4 inputs].

// One quad of inputs against four rows of weights.
fn product(sum: vec4<f32>, v: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>) -> vec4<f32> {
    return fma(v.wwww, w3, fma(v.zzzz, w2, fma(v.yyyy, w1, fma(v.xxxx, w0, sum))));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    let pixels = p.batch * p.out_height * p.out_width;
    let tiles = (pixels + 3u) / 4u;
    let pixel = i % tiles * 4u;
    let octet = i / tiles;
    if octet * 2u >= out_quads() {
        return;
    }
    let last = pixels - 1u;
    let window0 = window(pixel);
    let window1 = window(min(pixel + 1u, last));
    let window2 = window(min(pixel + 2u, last));
    let window3 = window(min(pixel + 3u, last));
    var a0 = vec4<f32>(0.0);
    var a1 = vec4<f32>(0.0);
    var a2 = vec4<f32>(0.0);
    var a3 = vec4<f32>(0.0);
    var b0 = vec4<f32>(0.0);
    var b1 = vec4<f32>(0.0);
    var b2 = vec4<f32>(0.0);
    var b3 = vec4<f32>(0.0);
    var row = octet * KERNEL_Y * KERNEL_X * p.in_quads * 8u;
    for (var ky = 0u; ky < KERNEL_Y; ky++) {
        for (var kx = 0u; kx < KERNEL_X; kx++) {
            let tap0 = tap(window0, ky, kx);
            let tap1 = tap(window1, ky, kx);
            let tap2 = tap(window2, ky, kx);
            let tap3 = tap(window3, ky, kx);
            for (var quad = 0u; quad < p.in_quads; quad++) {
                let v0 = load(tap0, quad);
                let v1 = load(tap1, quad);
                let v2 = load(tap2, quad);
                let v3 = load(tap3, quad);
                let w0 = weights[row];
                let w1 = weights[row + 1u];
                let w2 = weights[row + 2u];
                let w3 = weights[row + 3u];
                a0 = product(a0, v0, w0, w1, w2, w3);
                a1 = product(a1, v1, w0, w1, w2, w3);
                a2 = product(a2, v2, w0, w1, w2, w3);
                a3 = product(a3, v3, w0, w1, w2, w3);
                let w4 = weights[row + 4u];
                let w5 = weights[row + 5u];
                let w6 = weights[row + 6u];
                let w7 = weights[row + 7u];
                b0 = product(b0, v0, w4, w5, w6, w7);
                b1 = product(b1, v1, w4, w5, w6, w7);
                b2 = product(b2, v2, w4, w5, w6, w7);
                b3 = product(b3, v3, w4, w5, w6, w7);
                row += 8u;
            }
        }
    }
    let first = octet * 2u;
    finish(a0, pixel, first);
    finish(a1, pixel + 1u, first);
    finish(a2, pixel + 2u, first);
    finish(a3, pixel + 3u, first);
    finish(b0, pixel, first + 1u);
    finish(b1, pixel + 1u, first + 1u);
    finish(b2, pixel + 2u, first + 1u);
    finish(b3, pixel + 3u, first + 1u);
}
