// The convolution's side of `conv.wgsl`: pixels are worked on as they lie; a window begins at a multiple of
// the strides, and its taps lie a dilation apart.

// How often every stored pixel is repeated along y and x before the window goes over it: an enlargement by nearest
// neighbours that is read through instead of being stored.
override ENLARGED_Y: i32;
override ENLARGED_X: i32;

// The window's first corner, and the pixel before its image's first. A volume whose windows are flat is a batch of
// planes, each an image.
struct Window {
    image: u32,
    front: i32,
    top: i32,
    left: i32,
}

fn items() -> u32 {
    return out_pixels();
}

// Pixels are all alike.
fn phases() -> u32 {
    return 1u;
}

fn phase_items() -> u32 {
    return out_pixels();
}

fn tap_reaches(phase: u32, k: u32) -> bool {
    return true;
}

fn target_pixel(item: u32) -> u32 {
    return item;
}

fn window(item: u32) -> Window {
    let plane = item / (p.out_width * p.out_height);
    let top = i32(item / p.out_width % p.out_height * p.stride_y) - p.pad_top;
    let left = i32(item % p.out_width * p.stride_x) - p.pad_left;
    if IS_DEEP {
        let image = plane / p.out_depth * p.in_depth * p.in_height * p.in_width;
        return Window(image, i32(plane % p.out_depth * p.stride_z) - p.pad_front, top, left);
    }
    return Window(plane * p.in_height * p.in_width, 0, top, left);
}

// The input under the k-th tap of the window, counted along x, then y, then z.
fn tap(w: Window, k: u32) -> Tap {
    let row = w.top + i32(k / KERNEL_X % KERNEL_Y * p.dilation_y);
    let column = w.left + i32(k % KERNEL_X * p.dilation_x);
    // What is negative is a large number. No `&&`: behind it the parameters would be read again.
    var inside = u32(row) < p.in_height * u32(ENLARGED_Y);
    if GATHERED == 0u {
        inside = inside & (u32(column) < p.in_width * u32(ENLARGED_X));
    }
    var plane = 0u;
    if IS_DEEP {
        let depth = w.front + i32(k / (KERNEL_X * KERNEL_Y) * p.dilation_z);
        inside = inside & (u32(depth) < p.in_depth);
        plane = u32(depth) * p.in_height * p.in_width;
    }
    let pixel = w.image + plane + u32(row / ENLARGED_Y) * p.in_width + u32(column / ENLARGED_X);
    return Tap(select(0u, p.x_offset + pixel * p.x_stride, inside), inside, column);
}
