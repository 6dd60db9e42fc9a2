// PIXELS tiles by 16 output channels an invocation, the weights shared through the subgroup.

// Lanes of a workgroup: fewer where there are few tiles.
override LANES: u32;

fn store_tile(e: Ending, low: Sums, high: Sums, tile: u32, quad: u32) {
    store(e, low.a, tile, quad);
    store(e, low.b, tile, quad + 1u);
    store(e, high.a, tile, quad + 2u);
    store(e, high.b, tile, quad + 3u);
}

@compute @workgroup_size(LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
    let block = group.y * groups.x + group.x;
    let blocks = (p.tiles + PIXELS * LANES - 1u) / (PIXELS * LANES);
    let point = block / blocks % p.points;
    let octets = block / (blocks * p.points) * 2u;
    let tile = block % blocks * PIXELS * LANES + lane;
    let source0 = source(point, tile);
    let source1 = source(point, tile + LANES);
    let source2 = source(point, tile + 2u * LANES);
    let source3 = source(point, tile + 3u * LANES);
    var s = no_sums();
    var row = octets * octet_rows() + point * p.in_quads * 8u + subgroup_lane % 8u;
    let in_quads = p.in_quads;
    let rows = octet_rows();
    for (var quad = 0u; quad < in_quads; quad++) {
        var v: Inputs;
        v.v0 = read_x(source0 + quad);
        if PIXELS != 1u {
            v.v1 = read_x(source1 + quad);
        }
        if PIXELS == 4u {
            v.v2 = read_x(source2 + quad);
            v.v3 = read_x(source3 + quad);
        }
        s = accumulate(s, v, row, row + rows);
        row += 8u;
    }
    let e = ending(point);
    let first = octets * 2u;
    store_tile(e, s.low0, s.high0, tile, first);
    if PIXELS != 1u {
        store_tile(e, s.low1, s.high1, tile + LANES, first);
    }
    if PIXELS == 4u {
        store_tile(e, s.low2, s.high2, tile + 2u * LANES, first);
        store_tile(e, s.low3, s.high3, tile + 3u * LANES, first);
    }
}
