// The attention gate with weights that the subgroup shares: PIXELS pixels by 16 sums at a time an invocation.

// Lanes of a workgroup: fewer where there are few pixels.
override LANES: u32;

fn block_of_x(pixel: u32, quad: u32) -> Inputs {
    var v: Inputs;
    v.v0 = load_x(pixel, quad);
    if PIXELS != 1u {
        v.v1 = load_x(pixel + LANES, quad);
    }
    if PIXELS == 4u {
        v.v2 = load_x(pixel + 2u * LANES, quad);
        v.v3 = load_x(pixel + 3u * LANES, quad);
    }
    return v;
}

fn block_of_signal(pixel: u32, quad: u32) -> Inputs {
    var v: Inputs;
    v.v0 = load_signal(pixel, quad);
    if PIXELS != 1u {
        v.v1 = load_signal(pixel + LANES, quad);
    }
    if PIXELS == 4u {
        v.v2 = load_signal(pixel + 2u * LANES, quad);
        v.v3 = load_signal(pixel + 3u * LANES, quad);
    }
    return v;
}

// What sixteen sums of a pixel add to its mask.
fn seen_of(low: Sums, high: Sums, quad: u32) -> f32 {
    return seen(low.a, quad) + seen(low.b, quad + 1u) + seen(high.a, quad + 2u) + seen(high.b, quad + 3u);
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
    let pixel = (group.y * groups.x + group.x) * PIXELS * LANES + lane;
    var mask = vec4<f32>(0.0);
    // Octets are even in number.
    for (var octet = 0u; octet < p.octets; octet += 2u) {
        var s = no_sums();
        var row = octet * octet_rows() + subgroup_lane % 8u;
        for (var quad = 0u; quad < p.x_quads; quad++) {
            s = accumulate(s, block_of_x(pixel, quad), row, row + octet_rows());
            row += 8u;
        }
        for (var quad = 0u; quad < p.signal_quads; quad++) {
            s = accumulate(s, block_of_signal(pixel, quad), row, row + octet_rows());
            row += 8u;
        }
        let quad = octet * 2u;
        mask += vec4<f32>(
            seen_of(s.low0, s.high0, quad),
            seen_of(s.low1, s.high1, quad),
            seen_of(s.low2, s.high2, quad),
            seen_of(s.low3, s.high3, quad),
        );
    }
    mask = masks(mask);
    for (var quad = 0u; quad < p.x_quads; quad++) {
        write_masked(pixel, quad, mask.x);
        if PIXELS != 1u {
            write_masked(pixel + LANES, quad, mask.y);
        }
        if PIXELS == 4u {
            write_masked(pixel + 2u * LANES, quad, mask.z);
            write_masked(pixel + 3u * LANES, quad, mask.w);
        }
    }
}
