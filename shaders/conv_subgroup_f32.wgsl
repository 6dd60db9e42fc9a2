// Implicit GEMM whose weights the subgroup shares. PIXELS output pixels by 16 output channels an invocation.
// Weights as for the register tile: the 8 rows of a step lie side by side.

// Lanes of a workgroup: fewer where there are few pixels.
override LANES: u32 = 64u;

fn load_taps(t0: Tap, t1: Tap, t2: Tap, t3: Tap, quad: u32) -> Inputs {
    var v: Inputs;
    v.v0 = load(t0, quad);
    if PIXELS > 1u {
        v.v1 = load(t1, quad);
    }
    if PIXELS > 2u {
        v.v2 = load(t2, quad);
        v.v3 = load(t3, quad);
    }
    return v;
}

// The item of a phase by its number, or one past the last of all where the phase has no more.
fn item_of(phase: u32, number: u32) -> u32 {
    return select(items(), phase * phase_items() + number, number < phase_items());
}

fn load_items_beside(item0: u32, item1: u32, item2: u32, item3: u32, quad: u32) -> Inputs {
    var v: Inputs;
    v.v0 = load_beside(item0, quad);
    if PIXELS > 1u {
        v.v1 = load_beside(item1, quad);
    }
    if PIXELS > 2u {
        v.v2 = load_beside(item2, quad);
        v.v3 = load_beside(item3, quad);
    }
    return v;
}

fn finish_pixel(low: Sums, high: Sums, item: u32, quad: u32) {
    finish(low.a, item, quad);
    finish(low.b, item, quad + 1u);
    finish(high.a, item, quad + 2u);
    finish(high.b, item, quad + 3u);
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
    let first = block % blocks * PIXELS * LANES + lane;
    let item0 = item_of(phase, first);
    let item1 = item_of(phase, first + LANES);
    let item2 = item_of(phase, first + 2u * LANES);
    let item3 = item_of(phase, first + 3u * LANES);
    let last = items() - 1u;
    let window0 = window(min(item0, last));
    let window1 = window(min(item1, last));
    let window2 = window(min(item2, last));
    let window3 = window(min(item3, last));
    var s = no_sums();
    let octet_rows = (taps() * p.in_quads + p.beside_quads) * 8u;
    var row = octets * octet_rows + subgroup_lane % 8u;
    for (var k = 0u; k < taps(); k++) {
        if !tap_reaches(phase, k) {
            row += p.in_quads * 8u;
            continue;
        }
        let tap0 = tap(window0, k);
        let tap1 = tap(window1, k);
        let tap2 = tap(window2, k);
        let tap3 = tap(window3, k);
        for (var quad = 0u; quad < p.in_quads; quad++) {
            s = accumulate(s, load_taps(tap0, tap1, tap2, tap3, quad), row, row + octet_rows);
            row += 8u;
        }
    }
    if HAS_BESIDE {
        for (var quad = 0u; quad < p.beside_quads; quad++) {
            s = accumulate(s, load_items_beside(item0, item1, item2, item3, quad), row, row + octet_rows);
            row += 8u;
        }
    }
    let quad_out = octets * 2u;
    finish_pixel(s.low0, s.high0, item0, quad_out);
    if PIXELS > 1u {
        finish_pixel(s.low1, s.high1, item1, quad_out);
    }
    if PIXELS > 2u {
        finish_pixel(s.low2, s.high2, item2, quad_out);
        finish_pixel(s.low3, s.high3, item3, quad_out);
    }
}
