// Shared by the 2-D convolutions: parameters, bindings, where a window lies, and the fused tail.
// Activations are channels-last in groups of four ("quads"); 1-D convolutions are 2-D ones of height 1.

struct Params {
    batch: u32,
    in_height: u32,
    in_width: u32,
    in_quads: u32,
    out_height: u32,
    out_width: u32,
    out_channels: u32,
    stride_y: u32,
    stride_x: u32,
    dilation_y: u32,
    dilation_x: u32,
    pad_top: i32,
    pad_left: i32,
    x_offset: u32,
    x_stride: u32,
    y_offset: u32,
    y_stride: u32,
    residual_offset: u32,
    residual_stride: u32,
    group_in: u32,
    group_out: u32,
    first_a: f32,
    first_b: f32,
    last_a: f32,
    last_b: f32,
}

override KERNEL_Y: u32 = 3u;
override KERNEL_X: u32 = 3u;
override HAS_RESIDUAL: bool = false;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
// Bias of every quad, then scale, then shift.
@group(0) @binding(2) var<storage, read> channels: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(5) var<uniform> p: Params;

// The top left corner of an output pixel's window in the input, and the pixel before its image's first.
struct Window {
    image: u32,
    top: i32,
    left: i32,
}

fn window(pixel: u32) -> Window {
    let column = pixel % p.out_width;
    let row = pixel / p.out_width % p.out_height;
    let n = pixel / (p.out_width * p.out_height);
    return Window(
        n * p.in_height * p.in_width,
        i32(row * p.stride_y) - p.pad_top,
        i32(column * p.stride_x) - p.pad_left,
    );
}

// Where the input lies under one tap of a window: its first quad, and whether it is inside the image.
struct Tap {
    index: u32,
    inside: bool,
}

fn tap(w: Window, ky: u32, kx: u32) -> Tap {
    let row = w.top + i32(ky * p.dilation_y);
    let column = w.left + i32(kx * p.dilation_x);
    let inside = row >= 0 && row < i32(p.in_height) && column >= 0 && column < i32(p.in_width);
    let pixel = w.image + u32(row) * p.in_width + u32(column);
    return Tap(select(0u, p.x_offset + pixel * p.x_stride, inside), inside);
}

fn load(t: Tap, quad: u32) -> vec4<f32> {
    return select(vec4<f32>(0.0), x[t.index + quad], t.inside);
}

fn out_quads() -> u32 {
    return (p.out_channels + 3u) / 4u;
}

// Bias, activation, scale and shift, residual, last activation; padding channels become zero.
fn finish(sum: vec4<f32>, pixel: u32, quad: u32) {
    let quads = out_quads();
    if quad >= quads || pixel >= p.batch * p.out_height * p.out_width {
        return;
    }
    var v = activate(FIRST, sum + channels[quad], vec2<f32>(p.first_a, p.first_b));
    if HAS_POST {
        v = fma(v, channels[quads + quad], channels[2u * quads + quad]);
    }
    if HAS_RESIDUAL {
        v += residual[p.residual_offset + pixel * p.residual_stride + quad];
    }
    v = activate(LAST, v, vec2<f32>(p.last_a, p.last_b));
    y[p.y_offset + pixel * p.y_stride + quad] = mask_channels(v, quad, p.out_channels);
}
