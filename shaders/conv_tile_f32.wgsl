// Implicit GEMM with a register tile: 4 output pixels by 8 output channels an invocation. Portable: no
// subgroups, no barrier. Weights: [channels / 8][tap][quad of inputs][2 quads of outputs][4 inputs].

fn four_items(number: u32) -> vec4<u32> {
    if POOLED {
        return corners(number);
    }
    return number * 4u + vec4<u32>(0u, 1u, 2u, 3u);
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
    let number = i % tiles;
    let items = four_items(number);
    let octet = i / tiles;
    if octet * 2u >= out_quads() {
        return;
    }
    let last = count - 1u;
    let window0 = window(items.x);
    let window1 = window(min(items.y, last));
    let window2 = window(min(items.z, last));
    let window3 = window(min(items.w, last));
    var s = no_sums();
    let in_quads = p.in_quads;
    var row = octet * (taps() * in_quads + p.beside_quads) * 8u;
    for (var k = 0u; k < taps(); k++) {
        let tap0 = tap(window0, k);
        let tap1 = tap(window1, k);
        let tap2 = tap(window2, k);
        let tap3 = tap(window3, k);
        if !(tap0.inside | tap1.inside | tap2.inside | tap3.inside) {
            row += in_quads * 8u;
            continue;
        }
        for (var quad = 0u; quad < in_quads; quad++) {
            let v = Inputs(load(tap0, quad), load(tap1, quad), load(tap2, quad), load(tap3, quad));
            s = accumulate(s, v, row);
            row += 8u;
        }
    }
    if HAS_BESIDE {
        for (var quad = 0u; quad < p.beside_quads; quad++) {
            let v = Inputs(
                load_beside(items.x, quad),
                load_beside(items.y, quad),
                load_beside(items.z, quad),
                load_beside(items.w, quad),
            );
            s = accumulate(s, v, row);
            row += 8u;
        }
    }
    let e = ending();
    let first = octet * 2u;
    finish_four(e, s.a0, s.a1, s.a2, s.a3, items, number, first);
    finish_four(e, s.b0, s.b1, s.b2, s.b3, items, number, first + 1u);
}
