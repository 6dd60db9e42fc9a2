// The products over channels, a matrix for every point of a transformed tile.
// Weights: [channels / 8][point][quad of inputs][2 quads of outputs][4 inputs].

@group(0) @binding(3) var<uniform> p: Params;

// Where the transformed inputs of a tile lie; those of the last for a tile that does not exist.
fn source(point: u32, tile: u32) -> u32 {
    return p.x_offset + (point * p.tiles + min(tile, p.tiles - 1u)) * p.in_quads;
}

fn octet_rows() -> u32 {
    return p.points * p.in_quads * 8u;
}

// Where products are stored, read once.
struct Ending {
    first: u32,
    tiles: u32,
    quads: u32,
}

fn ending(point: u32) -> Ending {
    return Ending(p.y_offset + point * p.tiles * p.out_quads, p.tiles, p.out_quads);
}

fn store(e: Ending, sum: vec4<f32>, tile: u32, quad: u32) {
    if (tile < e.tiles) & (quad < e.quads) {
        write_y(e.first + tile * e.quads + quad, sum);
    }
}
