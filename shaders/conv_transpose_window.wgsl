// The transposed convolution's side of `conv.wgsl`. An output pixel gathers the inputs that reach it: those for
// which pixel + pad - k * dilation is a multiple of the stride. That depends on the pixel's remainder by the
// stride, its phase, so pixels are worked on phase by phase: neighbouring items then skip the same taps.

// Known when the kernel is compiled: to divide by them is then no division.
override STRIDE_Z: u32;
override STRIDE_Y: u32;
override STRIDE_X: u32;

// Where the pixel lies in the output, counted from the padding's first, and the pixel before its image's first.
struct Window {
    image: u32,
    front: i32,
    top: i32,
    left: i32,
}

// Where the pixel of an item lies; outside of the output where the strides do not divide it.
struct Place {
    n: u32,
    z: u32,
    y: u32,
    x: u32,
}

// Pixels of one phase, rounded up to a whole number along every axis.
fn cells() -> vec3<u32> {
    return vec3<u32>(
        (p.out_width + STRIDE_X - 1u) / STRIDE_X,
        (p.out_height + STRIDE_Y - 1u) / STRIDE_Y,
        (p.out_depth + STRIDE_Z - 1u) / STRIDE_Z,
    );
}

fn phases() -> u32 {
    return STRIDE_X * STRIDE_Y * STRIDE_Z;
}

// Items of one phase lie side by side.
fn phase_items() -> u32 {
    let size = cells();
    return p.batch * size.x * size.y * size.z;
}

fn items() -> u32 {
    return phases() * phase_items();
}

// Whether the inputs under a tap reach pixels of this phase at all.
fn tap_reaches(phase: u32, k: u32) -> bool {
    let reach = vec3<i32>(
        i32(phase % STRIDE_X) + p.pad_left - i32(k % KERNEL_X * p.dilation_x),
        i32(phase / STRIDE_X % STRIDE_Y) + p.pad_top - i32(k / KERNEL_X % KERNEL_Y * p.dilation_y),
        i32(phase / (STRIDE_X * STRIDE_Y)) + p.pad_front - i32(k / (KERNEL_X * KERNEL_Y) * p.dilation_z),
    );
    return all(reach % vec3<i32>(i32(STRIDE_X), i32(STRIDE_Y), i32(STRIDE_Z)) == vec3<i32>(0));
}

fn place(item: u32) -> Place {
    let size = cells();
    let phase = item / phase_items();
    let cell = item % phase_items();
    return Place(
        // None has the phase of an item past the last.
        select(p.batch, cell / (size.x * size.y * size.z), phase < phases()),
        cell / (size.x * size.y) % size.z * STRIDE_Z + phase / (STRIDE_X * STRIDE_Y),
        cell / size.x % size.y * STRIDE_Y + phase / STRIDE_X % STRIDE_Y,
        cell % size.x * STRIDE_X + phase % STRIDE_X,
    );
}

// The pixel's number, or one past the last for an item that has no pixel.
fn target_pixel(item: u32) -> u32 {
    let at = place(item);
    let exists = (at.n < p.batch) & (at.z < p.out_depth) & (at.y < p.out_height) & (at.x < p.out_width);
    let pixel = ((at.n * p.out_depth + at.z) * p.out_height + at.y) * p.out_width + at.x;
    return select(out_pixels(), pixel, exists);
}

fn window(item: u32) -> Window {
    let at = place(item);
    return Window(
        at.n * p.in_depth * p.in_height * p.in_width,
        i32(at.z) + p.pad_front,
        i32(at.y) + p.pad_top,
        i32(at.x) + p.pad_left,
    );
}

// The input that reaches the pixel through the k-th tap, counted along x, then y, then z.
fn tap(w: Window, k: u32) -> Tap {
    let reach = vec3<i32>(
        w.left - i32(k % KERNEL_X * p.dilation_x),
        w.top - i32(k / KERNEL_X % KERNEL_Y * p.dilation_y),
        w.front - i32(k / (KERNEL_X * KERNEL_Y) * p.dilation_z),
    );
    let strides = vec3<i32>(i32(STRIDE_X), i32(STRIDE_Y), i32(STRIDE_Z));
    let at = reach / strides;
    let sizes = vec3<i32>(i32(p.in_width), i32(p.in_height), i32(p.in_depth));
    // Division rounds towards zero, so a negative reach is looked at itself.
    let inside = all(reach >= vec3<i32>(0)) & all(at * strides == reach) & all(at < sizes);
    let pixel = w.image + (u32(at.z) * p.in_height + u32(at.y)) * p.in_width + u32(at.x);
    return Tap(select(0u, p.x_offset + pixel * p.x_stride, inside), inside, at.x);
}
