// Implicit GEMM whose weights the subgroup shares. PIXELS output pixels by 16 output channels an invocation.
// Weights as for the register tile: the 8 rows of a step lie side by side.

// Lanes of a workgroup: fewer where there are few pixels.
override LANES: u32;

fn load_taps(t0: Tap, t1: Tap, t2: Tap, t3: Tap, quad: u32) -> Inputs {
    var v: Inputs;
    v.v0 = load(t0, quad);
    if PIXELS != 1u {
        v.v1 = load(t1, quad);
    }
    if PIXELS == 4u {
        v.v2 = load(t2, quad);
        v.v3 = load(t3, quad);
    }
    return v;
}

// The item of a phase by its number, or one past the last of all where the phase has no more.
fn item_of(phase: u32, number: u32) -> u32 {
    return select(items(), phase * phase_items() + number, number < phase_items());
}

fn load_items_beside(all: vec4<u32>, quad: u32) -> Inputs {
    var v: Inputs;
    v.v0 = load_beside(all.x, quad);
    if PIXELS != 1u {
        v.v1 = load_beside(all.y, quad);
    }
    if PIXELS == 4u {
        v.v2 = load_beside(all.z, quad);
        v.v3 = load_beside(all.w, quad);
    }
    return v;
}

// Those of a lane: a workgroup's length apart, or the corners that are pooled to the pixel of this number.
fn four_items(phase: u32, number: u32) -> vec4<u32> {
    if POOLED {
        return corners(number);
    }
    return vec4<u32>(
        item_of(phase, number),
        item_of(phase, number + LANES),
        item_of(phase, number + 2u * LANES),
        item_of(phase, number + 3u * LANES),
    );
}

// One pixel or two.
fn finish_two(e: Ending, a: vec4<f32>, b: vec4<f32>, items: vec4<u32>, quad: u32) {
    let own = channels_of(e, quad);
    finish(e, own, a, items.x, quad);
    if PIXELS != 1u {
        finish(e, own, b, items.y, quad);
    }
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
    // A workgroup is one block of pixels of one phase by 16 channels, so that its subgroups share their weights.
    let block = group.y * groups.x + group.x;
    let blocks = (phase_items() + PIXELS * LANES - 1u) / (PIXELS * LANES);
    let phase = block / blocks % phases();
    let octets = block / (blocks * phases()) * 2u;
    // Pooled pixels are counted, where there are any: PIXELS is 4 then.
    let first = block % blocks * select(PIXELS, 1u, POOLED) * LANES + lane;
    let all = four_items(phase, first);
    let last = items() - 1u;
    let window0 = window(min(all.x, last));
    let window1 = window(min(all.y, last));
    let window2 = window(min(all.z, last));
    let window3 = window(min(all.w, last));
    var s = no_sums();
    let in_quads = p.in_quads;
    let octet_rows = (taps() * in_quads + p.beside_quads) * 8u;
    var row = octets * octet_rows + subgroup_lane % 8u;
    for (var k = 0u; k < taps(); k++) {
        if !tap_reaches(phase, k) {
            row += in_quads * 8u;
            continue;
        }
        let tap0 = tap(window0, k);
        let tap1 = tap(window1, k);
        let tap2 = tap(window2, k);
        let tap3 = tap(window3, k);
        for (var quad = 0u; quad < in_quads; quad++) {
            s = accumulate(s, load_taps(tap0, tap1, tap2, tap3, quad), row, row + octet_rows);
            row += 8u;
        }
    }
    if HAS_BESIDE {
        for (var quad = 0u; quad < p.beside_quads; quad++) {
            s = accumulate(s, load_items_beside(all, quad), row, row + octet_rows);
            row += 8u;
        }
    }
    let e = ending();
    let quad_out = octets * 2u;
    if PIXELS == 4u {
        finish_four(e, s.low0.a, s.low1.a, s.low2.a, s.low3.a, all, first, quad_out);
        finish_four(e, s.low0.b, s.low1.b, s.low2.b, s.low3.b, all, first, quad_out + 1u);
        finish_four(e, s.high0.a, s.high1.a, s.high2.a, s.high3.a, all, first, quad_out + 2u);
        finish_four(e, s.high0.b, s.high1.b, s.high2.b, s.high3.b, all, first, quad_out + 3u);
        return;
    }
    finish_two(e, s.low0.a, s.low1.a, all, quad_out);
    finish_two(e, s.low0.b, s.low1.b, all, quad_out + 1u);
    finish_two(e, s.high0.a, s.high1.a, all, quad_out + 2u);
    finish_two(e, s.high0.b, s.high1.b, all, quad_out + 3u);
}
