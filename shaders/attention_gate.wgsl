// Shared by the kernels of the attention gate: y = x * sigmoid(mask of relu(product over x + product over the signal)).
// All values are channels-last in groups of four ("quads"). Weights: [octet of sums][quad of x, then quad of the
// signal][2 quads of sums][4 inputs]. Channels: bias of every quad of sums, then their weights in the mask, then the
// mask's bias.

struct Params {
    pixels: u32,
    channels: u32,
    x_quads: u32,
    signal_quads: u32,
    // Of the sums between the products and the mask.
    octets: u32,
    x_offset: u32,
    x_stride: u32,
    signal_offset: u32,
    signal_stride: u32,
    y_offset: u32,
    y_stride: u32,
}

@group(0) @binding(5) var<uniform> p: Params;

// Pixels past the last are those of the last; they are not written.
fn within(pixel: u32) -> u32 {
    return min(pixel, p.pixels - 1u);
}

fn load_x(pixel: u32, quad: u32) -> vec4<f32> {
    return read_x(p.x_offset + within(pixel) * p.x_stride + quad);
}

fn load_signal(pixel: u32, quad: u32) -> vec4<f32> {
    return read_signal(p.signal_offset + within(pixel) * p.signal_stride + quad);
}

fn octet_rows() -> u32 {
    return (p.x_quads + p.signal_quads) * 8u;
}

// What a quad of sums adds to the mask.
fn seen(sum: vec4<f32>, quad: u32) -> f32 {
    return dot(max(sum + read_channels(quad), vec4<f32>(0.0)), read_channels(2u * p.octets + quad));
}

fn masks(sums: vec4<f32>) -> vec4<f32> {
    return sigmoid(sums + read_channels(4u * p.octets).x);
}
