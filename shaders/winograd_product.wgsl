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

fn store(sum: vec4<f32>, point: u32, tile: u32, quad: u32) {
    if tile < p.tiles && quad < p.out_quads {
        write_y(p.y_offset + (point * p.tiles + tile) * p.out_quads + quad, sum);
    }
}
