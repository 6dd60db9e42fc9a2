// Shared by convolutions and transposed ones: parameters, and the fused tail. Activations are
// channels-last in groups of four ("quads"). Fewer than three spatial dimensions are three with leading ones.

struct Params {
    batch: u32,
    in_depth: u32,
    in_height: u32,
    in_width: u32,
    in_quads: u32,
    out_depth: u32,
    out_height: u32,
    out_width: u32,
    out_channels: u32,
    stride_z: u32,
    stride_y: u32,
    stride_x: u32,
    dilation_z: u32,
    dilation_y: u32,
    dilation_x: u32,
    pad_front: i32,
    pad_top: i32,
    pad_left: i32,
    x_offset: u32,
    x_stride: u32,
    y_offset: u32,
    y_stride: u32,
    residual_offset: u32,
    residual_stride: u32,
    beside_quads: u32,
    group_in: u32,
    group_out: u32,
    // For Winograd's last step: the tiles of a plane, those of the step counted through all planes, and the
    // invocations that share the groups of channels of a tile.
    tiles_y: u32,
    tiles_x: u32,
    first_tile: u32,
    tiles: u32,
    turns: u32,
    first_a: f32,
    first_b: f32,
    last_a: f32,
    last_b: f32,
}

// Whether windows reach or move along the depth; else the planes of a volume are a batch.
override IS_DEEP: bool;
override KERNEL_Z: u32;
override KERNEL_Y: u32;
override KERNEL_X: u32;
override HAS_RESIDUAL: bool;
// Whether a matrix over the channels of another value's pixels is added to the sums: the 1x1 convolution that is the
// shortcut of a residual block. The value lies where a residual would; its weights follow those of the last tap.
override HAS_BESIDE: bool;
// Whether the largest of every two by two pixels is kept, and the pixels themselves are not.
override POOLED: bool;

@group(0) @binding(5) var<uniform> p: Params;

fn taps() -> u32 {
    return KERNEL_Z * KERNEL_Y * KERNEL_X;
}

fn out_pixels() -> u32 {
    return p.batch * p.out_depth * p.out_height * p.out_width;
}

// Of an input of one channel: how many taps of a row are loaded at once, as the channels of one group. KERNEL_X is 1 then.
// The other three channels of each would be padding.
override GATHERED: u32;

// Where the input lies under one tap of a window: its first quad, and whether it is inside the image. Where a row of taps
// is gathered, it is the first, whose column may lie outside.
struct Tap {
    index: u32,
    inside: bool,
    column: i32,
}

fn load(t: Tap, quad: u32) -> vec4<f32> {
    if GATHERED > 0u {
        return gather(t);
    }
    return select(vec4<f32>(0.0), read_x(t.index + quad), t.inside);
}

fn gather(t: Tap) -> vec4<f32> {
    var v = vec4<f32>(load_column(t, 0u), load_column(t, 1u), 0.0, 0.0);
    if GATHERED > 2u {
        v.z = load_column(t, 2u);
    }
    if GATHERED > 3u {
        v.w = load_column(t, 3u);
    }
    return v;
}

fn load_column(t: Tap, number: u32) -> f32 {
    let inside = t.inside & (u32(t.column + i32(number * p.dilation_x)) < p.in_width);
    return select(0.0, read_x(t.index + number * p.dilation_x * p.x_stride).x, inside);
}

// The value beside, at the pixel of an item; one of the last pixel for an item that has none.
fn load_beside(item: u32, quad: u32) -> vec4<f32> {
    let pixel = min(target_pixel(item), out_pixels() - 1u);
    return read_added(p.residual_offset + pixel * p.residual_stride + quad);
}

fn out_quads() -> u32 {
    return (p.out_channels + 3u) / 4u;
}

// What the end of a convolution needs of the parameters, read once: llvmpipe gathers a uniform lane by lane wherever it is
// read anew, as it is behind every condition.
struct Ending {
    quads: u32,
    channels: u32,
    pixels: u32,
    y_offset: u32,
    y_stride: u32,
    residual_offset: u32,
    residual_stride: u32,
    first: vec2<f32>,
    last: vec2<f32>,
}

fn ending() -> Ending {
    return Ending(
        out_quads(),
        p.out_channels,
        out_pixels(),
        p.y_offset,
        p.y_stride,
        p.residual_offset,
        p.residual_stride,
        vec2<f32>(p.first_a, p.first_b),
        vec2<f32>(p.last_a, p.last_b),
    );
}

// What all pixels of a group of channels share.
struct Channels {
    bias: vec4<f32>,
    // Both of use where HAS_POST alone.
    scale: vec4<f32>,
    shift: vec4<f32>,
}

// Those of the last group for one that does not exist, and is not stored.
fn channels_of(e: Ending, quad: u32) -> Channels {
    let existing = min(quad, e.quads - 1u);
    var c = Channels(read_channels(existing), vec4<f32>(), vec4<f32>());
    if HAS_POST {
        c.scale = read_channels(e.quads + existing);
        c.shift = read_channels(2u * e.quads + existing);
    }
    return c;
}

// Bias, activation, scale and shift, residual, last activation.
fn tail(e: Ending, c: Channels, sum: vec4<f32>, pixel: u32, quad: u32) -> vec4<f32> {
    var v = activate(FIRST, sum + c.bias, e.first);
    if HAS_POST {
        v = fma(v, c.scale, c.shift);
    }
    if HAS_RESIDUAL {
        v += read_added(e.residual_offset + pixel * e.residual_stride + quad);
    }
    return activate(LAST, v, e.last);
}

// Padding channels become zero.
fn store(e: Ending, v: vec4<f32>, pixel: u32, quad: u32) {
    write_y(e.y_offset + pixel * e.y_stride + quad, mask_channels(v, quad, e.channels));
}

// `item` counts pixels in the order in which a kernel works on them.
fn finish(e: Ending, c: Channels, sum: vec4<f32>, item: u32, quad: u32) {
    let pixel = target_pixel(item);
    if (quad < e.quads) & (pixel < e.pixels) {
        store(e, tail(e, c, sum, pixel, quad), pixel, quad);
    }
}

// One of the four pixels that are pooled to the pixel of this number. Height and width are even then, so that pairs of
// rows need not know their plane.
fn corner(number: u32, k: u32) -> u32 {
    let columns = p.out_width / 2u;
    return (number / columns * 2u + k / 2u) * p.out_width + number % columns * 2u + k % 2u;
}

fn corners(number: u32) -> vec4<u32> {
    return vec4<u32>(corner(number, 0u), corner(number, 1u), corner(number, 2u), corner(number, 3u));
}

// Four items: each of its own, or the corners that are pooled to the pixel of this number.
fn finish_four(
    e: Ending,
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
    items: vec4<u32>,
    number: u32,
    quad: u32,
) {
    let own = channels_of(e, quad);
    if !POOLED {
        finish(e, own, a, items.x, quad);
        finish(e, own, b, items.y, quad);
        finish(e, own, c, items.z, quad);
        finish(e, own, d, items.w, quad);
        return;
    }
    if (quad < e.quads) & (number < e.pixels / 4u) {
        let upper = max(tail(e, own, a, items.x, quad), tail(e, own, b, items.y, quad));
        let lower = max(tail(e, own, c, items.z, quad), tail(e, own, d, items.w, quad));
        store(e, max(upper, lower), number, quad);
    }
}
