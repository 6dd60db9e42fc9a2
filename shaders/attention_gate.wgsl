// Shared by the kernels of the attention gate: y = x * sigmoid(mask of relu(product over x + product over the signal)).
// All values are channels-last in groups of four ("quads").

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

// Whether the signal lies in the storage that is written: both are parts of one concatenation. No channel that is read
// is then one that is written.
override SIGNAL_IN_PLACE: bool = false;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> signal: array<vec4<f32>>;
// [octet of sums][quad of x, then quad of the signal][2 quads of sums][4 inputs].
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
// Bias of every quad of sums, then their weights in the mask, then the mask's bias.
@group(0) @binding(3) var<storage, read> channels: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(5) var<uniform> p: Params;

// Pixels past the last are those of the last; they are not written.
fn within(pixel: u32) -> u32 {
    return min(pixel, p.pixels - 1u);
}

fn load_x(pixel: u32, quad: u32) -> vec4<f32> {
    return x[p.x_offset + within(pixel) * p.x_stride + quad];
}

fn load_signal(pixel: u32, quad: u32) -> vec4<f32> {
    let at = p.signal_offset + within(pixel) * p.signal_stride + quad;
    if SIGNAL_IN_PLACE {
        return y[at];
    }
    return signal[at];
}

fn octet_rows() -> u32 {
    return (p.x_quads + p.signal_quads) * 8u;
}

// What a quad of sums adds to the mask.
fn seen(sum: vec4<f32>, quad: u32) -> f32 {
    return dot(max(sum + channels[quad], vec4<f32>(0.0)), channels[2u * p.octets + quad]);
}

fn masks(sums: vec4<f32>) -> vec4<f32> {
    return sigmoid(sums + channels[4u * p.octets].x);
}

fn write(pixel: u32, quad: u32, mask: f32) {
    if pixel < p.pixels {
        y[p.y_offset + pixel * p.y_stride + quad] = mask_channels(load_x(pixel, quad) * mask, quad, p.channels);
    }
}
