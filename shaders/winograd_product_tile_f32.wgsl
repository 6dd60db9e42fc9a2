// Four tiles by 8 output channels an invocation. Portable: no subgroups, no barrier.

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    let quarters = (p.tiles + 3u) / 4u;
    let tile = i % quarters * 4u;
    let point = i / quarters % p.points;
    let octet = i / (quarters * p.points);
    let first = octet * 2u;
    if first >= p.out_quads {
        return;
    }
    let source0 = source(point, tile);
    let source1 = source(point, tile + 1u);
    let source2 = source(point, tile + 2u);
    let source3 = source(point, tile + 3u);
    var s = no_sums();
    var row = octet * octet_rows() + point * p.in_quads * 8u;
    let in_quads = p.in_quads;
    for (var quad = 0u; quad < in_quads; quad++) {
        let v = Inputs(
            read_x(source0 + quad),
            read_x(source1 + quad),
            read_x(source2 + quad),
            read_x(source3 + quad),
        );
        s = accumulate(s, v, row);
        row += 8u;
    }
    let e = ending(point);
    store(e, s.a0, tile, first);
    store(e, s.a1, tile + 1u, first);
    store(e, s.a2, tile + 2u, first);
    store(e, s.a3, tile + 3u, first);
    store(e, s.b0, tile, first + 1u);
    store(e, s.b1, tile + 1u, first + 1u);
    store(e, s.b2, tile + 2u, first + 1u);
    store(e, s.b3, tile + 3u, first + 1u);
}
