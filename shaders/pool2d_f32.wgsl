// Largest or mean element under a sliding window, channels-last: one invocation an output pixel and group
// of four channels. Only the part of the window that lies inside the input is walked.

struct Params {
    batch: u32,
    quads: u32,
    channels: u32,
    input_height: i32,
    input_width: i32,
    output_height: u32,
    output_width: u32,
    kernel_height: i32,
    kernel_width: i32,
    stride_height: i32,
    stride_width: i32,
    dilation_height: i32,
    dilation_width: i32,
    pad_top: i32,
    pad_left: i32,
    // Ends of the padded input, counted from the input's first element.
    end_height: i32,
    end_width: i32,
    x_offset: u32,
    x_stride: u32,
    y_offset: u32,
    y_stride: u32,
}

override AVERAGE: bool = false;
override COUNT_PADDING: bool = false;

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> p: Params;

// The first and the end of the kernel elements that fall inside [0, size) from this start.
fn first_tap(start: i32, dilation: i32) -> i32 {
    return (max(-start, 0) + dilation - 1) / dilation;
}

fn end_tap(start: i32, size: i32, dilation: i32, kernel: i32) -> i32 {
    return min((size - start + dilation - 1) / dilation, kernel);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    let pixel = i / p.quads;
    if pixel >= p.batch * p.output_height * p.output_width {
        return;
    }
    let quad = i % p.quads;
    let column = pixel % p.output_width;
    let row = pixel / p.output_width % p.output_height;
    let n = pixel / (p.output_width * p.output_height);

    let top = i32(row) * p.stride_height - p.pad_top;
    let left = i32(column) * p.stride_width - p.pad_left;
    let first_row = first_tap(top, p.dilation_height);
    let end_row = end_tap(top, p.input_height, p.dilation_height, p.kernel_height);
    let first_column = first_tap(left, p.dilation_width);
    let end_column = end_tap(left, p.input_width, p.dilation_width, p.kernel_width);

    let image = i32(n) * p.input_height;
    var largest = vec4<f32>(0.0);
    var sum = vec4<f32>(0.0);
    for (var ky = first_row; ky < end_row; ky++) {
        let line = (image + top + ky * p.dilation_height) * p.input_width;
        for (var kx = first_column; kx < end_column; kx++) {
            let at = u32(line + left + kx * p.dilation_width);
            let v = x[p.x_offset + at * p.x_stride + quad];
            if AVERAGE {
                sum += v;
            } else {
                largest = select(max(largest, v), v, ky == first_row && kx == first_column);
            }
        }
    }
    var result = largest;
    if AVERAGE {
        var count = (end_row - first_row) * (end_column - first_column);
        if COUNT_PADDING {
            count = end_tap(top, p.end_height, p.dilation_height, p.kernel_height)
                * end_tap(left, p.end_width, p.dilation_width, p.kernel_width);
        }
        result = sum / f32(count);
    }
    y[p.y_offset + pixel * p.y_stride + quad] = mask_channels(result, quad, p.channels);
}
