// Shared by the steps of Winograd's convolution before its last: a 3x3 window over tiles of the output, of which every
// point of a transformed tile is a product over channels of its own. Values on the way lie point by point, tile by tile.

struct Params {
    in_height: u32,
    in_width: u32,
    in_quads: u32,
    out_quads: u32,
    pad_top: i32,
    pad_left: i32,
    // Tiles of one plane.
    tiles_y: u32,
    tiles_x: u32,
    // The tiles of this step, counted through all planes.
    first_tile: u32,
    tiles: u32,
    points: u32,
    x_offset: u32,
    x_stride: u32,
    y_offset: u32,
    // Invocations that share the groups of channels of a tile.
    turns: u32,
}
