// What an attention gate reads and writes, in buffers.

// Whether the signal lies in the storage that is written: both are parts of one concatenation. No channel that is read
// is then one that is written.
override SIGNAL_IN_PLACE: bool;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> signal: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> channels: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;

fn read_x(i: u32) -> vec4<f32> {
    return x[i];
}

fn read_signal(i: u32) -> vec4<f32> {
    if SIGNAL_IN_PLACE {
        return y[i];
    }
    return signal[i];
}

fn read_weights(i: u32) -> vec4<f32> {
    return weights[i];
}

fn read_channels(i: u32) -> vec4<f32> {
    return channels[i];
}

fn write_masked(pixel: u32, quad: u32, mask: f32) {
    if pixel < p.pixels {
        y[p.y_offset + pixel * p.y_stride + quad] = mask_channels(load_x(pixel, quad) * mask, quad, p.channels);
    }
}
