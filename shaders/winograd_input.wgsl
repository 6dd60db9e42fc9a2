// The transform of the input: a number of invocations a tile take turns at its groups of four channels.

@group(0) @binding(2) var<uniform> p: Params;

// Where a tile lies in the input, and where the first of its points is stored.
struct Tile {
    image: u32,
    top: i32,
    left: i32,
    first: u32,
    quad: u32,
}

fn tile_of(number: u32) -> Tile {
    let tile = p.first_tile + number;
    let plane = tile / (p.tiles_x * p.tiles_y);
    return Tile(
        plane * p.in_height * p.in_width,
        i32(tile / p.tiles_x % p.tiles_y * STEP) - p.pad_top,
        i32(tile % p.tiles_x * STEP) - p.pad_left,
        p.y_offset + number * p.in_quads,
        0u,
    );
}

fn load(t: Tile, y: i32, x: i32) -> vec4<f32> {
    let row = t.top + y;
    let column = t.left + x;
    let inside = row >= 0 && row < i32(p.in_height) && column >= 0 && column < i32(p.in_width);
    let pixel = t.image + u32(row) * p.in_width + u32(column);
    return select(vec4<f32>(0.0), read_x(select(0u, p.x_offset + pixel * p.x_stride + t.quad, inside)), inside);
}

fn store(t: Tile, point: u32, v: vec4<f32>) {
    write_y(t.first + point * p.tiles * p.in_quads + t.quad, v);
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
    for (var quad = i % p.turns; quad < p.in_quads; quad += p.turns) {
        tile.quad = quad;
        transform(tile);
    }
}
