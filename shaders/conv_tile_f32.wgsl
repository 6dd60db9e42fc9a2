// Implicit GEMM with a register tile: 4 output pixels by 8 output channels an invocation. Portable: no
// subgroups, no barrier. Weights: [channels / 8][tap][quad of inputs][2 quads of outputs][4 inputs].

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
    let count = items();
    let tiles = (count + 3u) / 4u;
    let item = i % tiles * 4u;
    let octet = i / tiles;
    if octet * 2u >= out_quads() {
        return;
    }
    let last = count - 1u;
    let window0 = window(item);
    let window1 = window(min(item + 1u, last));
    let window2 = window(min(item + 2u, last));
    let window3 = window(min(item + 3u, last));
    var a0 = vec4<f32>(0.0);
    var a1 = vec4<f32>(0.0);
    var a2 = vec4<f32>(0.0);
    var a3 = vec4<f32>(0.0);
    var b0 = vec4<f32>(0.0);
    var b1 = vec4<f32>(0.0);
    var b2 = vec4<f32>(0.0);
    var b3 = vec4<f32>(0.0);
    var row = octet * taps() * p.in_quads * 8u;
    for (var k = 0u; k < taps(); k++) {
        let tap0 = tap(window0, k);
        let tap1 = tap(window1, k);
        let tap2 = tap(window2, k);
        let tap3 = tap(window3, k);
        if !(tap0.inside || tap1.inside || tap2.inside || tap3.inside) {
            row += p.in_quads * 8u;
            continue;
        }
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
    let first = octet * 2u;
    finish(a0, item, first);
    finish(a1, item + 1u, first);
    finish(a2, item + 2u, first);
    finish(a3, item + 3u, first);
    finish(b0, item, first + 1u);
    finish(b1, item + 1u, first + 1u);
    finish(b2, item + 2u, first + 1u);
    finish(b3, item + 3u, first + 1u);
}
