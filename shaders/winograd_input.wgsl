// The transform of the input: a number of invocations a tile take turns at its groups of four channels.

@group(0) @binding(2) var<uniform> p: Params;

// Where a tile lies in the input, and where the first of its points is stored. Whatever all tiles share is read once:
// llvmpipe gathers a uniform lane by lane wherever it is read anew.
struct Tile {
    // The first group of channels of its image.
    image: u32,
    top: i32,
    left: i32,
    first: u32,
    quad: u32,
    height: u32,
    width: u32,
    x_stride: u32,
    // From point to point.
    stride: u32,
}

fn tile_of(number: u32) -> Tile {
    let tile = p.first_tile + number;
    let plane = tile / (p.tiles_x * p.tiles_y);
    return Tile(
        p.x_offset + plane * p.in_height * p.in_width * p.x_stride,
        i32(tile / p.tiles_x % p.tiles_y * STEP) - p.pad_top,
        i32(tile % p.tiles_x * STEP) - p.pad_left,
        p.y_offset + number * p.in_quads,
        0u,
        p.in_height,
        p.in_width,
        p.x_stride,
        p.tiles * p.in_quads,
    );
}

fn load(t: Tile, y: i32, x: i32) -> vec4<f32> {
    // What is negative is a large number.
    let row = u32(t.top + y);
    let column = u32(t.left + x);
    let inside = (row < t.height) & (column < t.width);
    let at = t.image + (row * t.width + column) * t.x_stride + t.quad;
    return select(vec4<f32>(0.0), read_x(select(0u, at, inside)), inside);
}

fn store(t: Tile, point: u32, v: vec4<f32>) {
    write_y(t.first + point * t.stride + t.quad, v);
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
    let quads = p.in_quads;
    let turns = p.turns;
    for (var quad = i % turns; quad < quads; quad += turns) {
        tile.quad = quad;
        transform(tile);
    }
}
