// Implicit GEMM with a register tile: 4 output pixels by 8 output channels an invocation. Portable: no
// subgroups, no barrier. Weights: [channels / 8][tap][quad of inputs][2 quads of outputs][4 inputs].

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
    var s = no_sums();
    var row = octet * (taps() * p.in_quads + p.beside_quads) * 8u;
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
            let v = Inputs(load(tap0, quad), load(tap1, quad), load(tap2, quad), load(tap3, quad));
            s = accumulate(s, v, row);
            row += 8u;
        }
    }
    if HAS_BESIDE {
        for (var quad = 0u; quad < p.beside_quads; quad++) {
            let v = Inputs(
                load_beside(item, quad),
                load_beside(item + 1u, quad),
                load_beside(item + 2u, quad),
                load_beside(item + 3u, quad),
            );
            s = accumulate(s, v, row);
            row += 8u;
        }
    }
    let first = octet * 2u;
    finish(s.a0, item, first);
    finish(s.a1, item + 1u, first);
    finish(s.a2, item + 2u, first);
    finish(s.a3, item + 3u, first);
    finish(s.b0, item, first + 1u);
    finish(s.b1, item + 1u, first + 1u);
    finish(s.b2, item + 2u, first + 1u);
    finish(s.b3, item + 3u, first + 1u);
}
