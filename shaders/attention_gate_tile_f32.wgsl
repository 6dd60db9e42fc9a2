// The attention gate with a register tile of 4 pixels by 8 sums. SHARE invocations take turns at the octets of sums of
// one tile, and at its quads when it is written.

fn tile_of_x(pixel: u32, quad: u32) -> Inputs {
    return Inputs(load_x(pixel, quad), load_x(pixel + 1u, quad), load_x(pixel + 2u, quad), load_x(pixel + 3u, quad));
}

fn tile_of_signal(pixel: u32, quad: u32) -> Inputs {
    return Inputs(
        load_signal(pixel, quad),
        load_signal(pixel + 1u, quad),
        load_signal(pixel + 2u, quad),
        load_signal(pixel + 3u, quad),
    );
}

fn seen_of(s: Sums, octet: u32) -> vec4<f32> {
    let quad = octet * 2u;
    return vec4<f32>(
        seen(s.a0, quad) + seen(s.b0, quad + 1u),
        seen(s.a1, quad) + seen(s.b1, quad + 1u),
        seen(s.a2, quad) + seen(s.b2, quad + 1u),
        seen(s.a3, quad) + seen(s.b3, quad + 1u),
    );
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    let pixel = i / SHARE * 4u;
    let turn = i % SHARE;
    var mask = vec4<f32>(0.0);
    for (var octet = turn; octet < p.octets; octet += SHARE) {
        var s = no_sums();
        var row = octet * octet_rows();
        for (var quad = 0u; quad < p.x_quads; quad++) {
            s = accumulate(s, tile_of_x(pixel, quad), row);
            row += 8u;
        }
        for (var quad = 0u; quad < p.signal_quads; quad++) {
            s = accumulate(s, tile_of_signal(pixel, quad), row);
            row += 8u;
        }
        mask += seen_of(s, octet);
    }
    mask = masks(total(lane, mask));
    for (var quad = turn; quad < p.x_quads; quad += SHARE) {
        write_masked(pixel, quad, mask.x);
        write_masked(pixel + 1u, quad, mask.y);
        write_masked(pixel + 2u, quad, mask.z);
        write_masked(pixel + 3u, quad, mask.w);
    }
}
