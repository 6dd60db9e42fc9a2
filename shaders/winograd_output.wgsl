// The transform of the products back to pixels, and the convolution's fused tail: a number of
// invocations a tile take turns at its groups of four channels.

struct Tile {
    number: u32,
    plane: u32,
    top: u32,
    left: u32,
    quad: u32,
}

fn tile_of(number: u32) -> Tile {
    let tile = p.first_tile + number;
    return Tile(
        number,
        tile / (p.tiles_x * p.tiles_y),
        tile / p.tiles_x % p.tiles_y * STEP,
        tile % p.tiles_x * STEP,
        0u,
    );
}

fn load_point(t: Tile, point: u32) -> vec4<f32> {
    return read_x(p.x_offset + (point * p.tiles + t.number) * out_quads() + t.quad);
}

fn finish_at(t: Tile, y: u32, x: u32, v: vec4<f32>) {
    let row = t.top + y;
    let column = t.left + x;
    if row < p.out_height && column < p.out_width {
        finish(v, (t.plane * p.out_height + row) * p.out_width + column, t.quad);
    }
}

// Two by two neighbouring outputs of a tile, from an even row and column on.
fn finish_square(t: Tile, y: u32, x: u32, a: vec4<f32>, b: vec4<f32>, c: vec4<f32>, d: vec4<f32>) {
    if !POOLED {
        finish_at(t, y, x, a);
        finish_at(t, y, x + 1u, b);
        finish_at(t, y + 1u, x, c);
        finish_at(t, y + 1u, x + 1u, d);
        return;
    }
    let row = t.top + y;
    let column = t.left + x;
    if row < p.out_height && column < p.out_width {
        let number = (t.plane * p.out_height + row) / 2u * (p.out_width / 2u) + column / 2u;
        finish_four(a, b, c, d, corners(number), number, t.quad);
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
    for (var quad = i % p.turns; quad < out_quads(); quad += p.turns) {
        tile.quad = quad;
        transform(tile);
    }
}
