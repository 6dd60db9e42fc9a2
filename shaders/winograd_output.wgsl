// The transform of the products back to pixels, and the convolution's fused tail: a number of
// invocations a tile take turns at its groups of four channels.

struct Tile {
    // Where the first group of its first point lies, and how far it is from point to point.
    first: u32,
    stride: u32,
    plane: u32,
    top: u32,
    left: u32,
    quad: u32,
    height: u32,
    width: u32,
}

fn tile_of(number: u32) -> Tile {
    let tile = p.first_tile + number;
    return Tile(
        p.x_offset + number * out_quads(),
        p.tiles * out_quads(),
        tile / (p.tiles_x * p.tiles_y),
        tile / p.tiles_x % p.tiles_y * STEP,
        tile % p.tiles_x * STEP,
        0u,
        p.out_height,
        p.out_width,
    );
}

fn load_point(t: Tile, point: u32) -> vec4<f32> {
    return read_x(t.first + point * t.stride + t.quad);
}

fn finish_at(e: Ending, own: Channels, t: Tile, y: u32, x: u32, v: vec4<f32>) {
    let row = t.top + y;
    let column = t.left + x;
    if (row < t.height) & (column < t.width) {
        let pixel = (t.plane * t.height + row) * t.width + column;
        store(e, tail(e, own, v, pixel, t.quad), pixel, t.quad);
    }
}

// Two by two neighbouring outputs of a tile, from an even row and column on.
fn finish_square(e: Ending, t: Tile, y: u32, x: u32, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) {
    if !POOLED {
        let own = channels_of(e, t.quad);
        finish_at(e, own, t, y, x, a);
        finish_at(e, own, t, y, x + 1u, b);
        finish_at(e, own, t, y + 1u, x, c);
        finish_at(e, own, t, y + 1u, x + 1u, d);
        return;
    }
    let row = t.top + y;
    let column = t.left + x;
    if (row < t.height) & (column < t.width) {
        let number = (t.plane * t.height + row) / 2u * (t.width / 2u) + column / 2u;
        finish_four(e, a, b, c, d, corners(number), number, t.quad);
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    if i >= p.tiles * p.turns {
        return;
    }
    var tile = tile_of(i / p.turns);
    let e = ending();
    let turns = p.turns;
    for (var quad = i % turns; quad < e.quads; quad += turns) {
        tile.quad = quad;
        transform(e, tile);
    }
}
