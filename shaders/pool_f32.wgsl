// Largest or mean element under a sliding window, or where the largest is; channels-last: a
// number of invocations an output pixel take turns at its groups of four channels. Only the part of the window that lies inside the input is walked. Fewer than
// three spatial dimensions are three with leading ones.

struct Params {
    batch: u32,
    quads: u32,
    channels: u32,
    input_depth: i32,
    input_height: i32,
    input_width: i32,
    output_depth: u32,
    output_height: u32,
    output_width: u32,
    kernel_depth: i32,
    kernel_height: i32,
    kernel_width: i32,
    stride_depth: i32,
    stride_height: i32,
    stride_width: i32,
    dilation_depth: i32,
    dilation_height: i32,
    dilation_width: i32,
    pad_front: i32,
    pad_top: i32,
    pad_left: i32,
    // Ends of the padded input, counted from the input's first element.
    end_depth: i32,
    end_height: i32,
    end_width: i32,
    // What one step along each dimension adds to an index within a channel, in the order that the network asks for.
    index_depth: i32,
    index_height: i32,
    index_width: i32,
    x_offset: u32,
    x_stride: u32,
    y_offset: u32,
    y_stride: u32,
    // Invocations that share the groups of channels of a pixel.
    turns: u32,
}

// What is made of a window: 0 its largest element, 1 its mean, 2 the index of its largest element.
override REDUCTION: u32;
override COUNT_PADDING: bool;
// The size of a window of up to three rows and columns without gaps, whose largest element is wanted; 0 where the window is
// walked by loops. Without them llvmpipe takes half of the time: it has no mask to keep.
override ROWS: u32;
override COLUMNS: u32;

@group(0) @binding(2) var<uniform> p: Params;

// What every pixel and group of channels needs of the parameters, read once: llvmpipe gathers a uniform lane by lane
// wherever it is read anew, as it is in every round of a loop. Along x, y and z.
struct Shared {
    turns: u32,
    quads: u32,
    channels: u32,
    x_offset: u32,
    x_stride: u32,
    y_offset: u32,
    y_stride: u32,
    input: vec3<i32>,
    dilation: vec3<i32>,
    index: vec3<i32>,
}

fn read_once() -> Shared {
    return Shared(
        p.turns,
        p.quads,
        p.channels,
        p.x_offset,
        p.x_stride,
        p.y_offset,
        p.y_stride,
        vec3<i32>(p.input_width, p.input_height, p.input_depth),
        vec3<i32>(p.dilation_width, p.dilation_height, p.dilation_depth),
        vec3<i32>(p.index_width, p.index_height, p.index_depth),
    );
}

// The kernel elements that fall inside [0, size) along one axis, for a window that starts here.
struct Span {
    start: i32,
    first: i32,
    end: i32,
}

fn end_tap(start: i32, size: i32, dilation: i32, kernel: i32) -> i32 {
    return min((size - start + dilation - 1) / dilation, kernel);
}

fn span(start: i32, size: i32, dilation: i32, kernel: i32) -> Span {
    return Span(start, (max(-start, 0) + dilation - 1) / dilation, end_tap(start, size, dilation, kernel));
}

// How many elements the mean is taken of.
fn count(z: Span, row: Span, column: Span) -> i32 {
    if COUNT_PADDING {
        return end_tap(z.start, p.end_depth, p.dilation_depth, p.kernel_depth)
            * end_tap(row.start, p.end_height, p.dilation_height, p.kernel_height)
            * end_tap(column.start, p.end_width, p.dilation_width, p.kernel_width);
    }
    return (z.end - z.first) * (row.end - row.first) * (column.end - column.first);
}

// Indices count through the whole input: every channel is as long as the product of the input's sizes.
fn channel_starts(n: u32, quad: u32) -> vec4<f32> {
    let length = u32(p.input_depth * p.input_height * p.input_width);
    let first = (n * p.channels + quad * 4u) * length;
    return vec4<f32>(vec4<u32>(first, first + length, first + 2u * length, first + 3u * length));
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    let pixel = i / p.turns;
    let plane = pixel / (p.output_width * p.output_height);
    let n = plane / p.output_depth;
    if n >= p.batch {
        return;
    }
    let z_start = i32(plane % p.output_depth) * p.stride_depth - p.pad_front;
    let row_start = i32(pixel / p.output_width % p.output_height) * p.stride_height - p.pad_top;
    let column_start = i32(pixel % p.output_width) * p.stride_width - p.pad_left;
    let z = span(z_start, p.input_depth, p.dilation_depth, p.kernel_depth);
    let row = span(row_start, p.input_height, p.dilation_height, p.kernel_height);
    let column = span(column_start, p.input_width, p.dilation_width, p.kernel_width);
    let c = read_once();
    let at = vec3<i32>(column_start, row_start, z_start);
    for (var quad = i % c.turns; quad < c.quads; quad += c.turns) {
        var v: vec4<f32>;
        if ROWS > 0u {
            v = largest_of_rows(c, n, quad, at);
        } else {
            v = pooled(c, n, quad, z, row, column);
        }
        write_y(c.y_offset + pixel * c.y_stride + quad, mask_channels(v, quad, c.channels));
    }
}

// Of equal elements the first, and a number before one that is none.
fn larger(best: vec4<f32>, next: vec4<f32>) -> vec4<f32> {
    return select(best, next, next > best);
}

// Elements outside of the input count as the nearest one of it, which lies in the window too.
fn element(c: Shared, line: i32, column: i32, quad: u32) -> vec4<f32> {
    return read_x(c.x_offset + u32(line + clamp(column, 0, c.input.x - 1)) * c.x_stride + quad);
}

fn largest_of_row(c: Shared, n: u32, quad: u32, at: vec3<i32>, row: i32) -> vec4<f32> {
    let y = clamp(at.y + row, 0, c.input.y - 1);
    let line = ((i32(n) * c.input.z + at.z) * c.input.y + y) * c.input.x;
    var largest = element(c, line, at.x, quad);
    if COLUMNS > 1u {
        largest = larger(largest, element(c, line, at.x + 1, quad));
    }
    if COLUMNS > 2u {
        largest = larger(largest, element(c, line, at.x + 2, quad));
    }
    return largest;
}

fn largest_of_rows(c: Shared, n: u32, quad: u32, at: vec3<i32>) -> vec4<f32> {
    var largest = largest_of_row(c, n, quad, at, 0);
    if ROWS > 1u {
        largest = larger(largest, largest_of_row(c, n, quad, at, 1));
    }
    if ROWS > 2u {
        largest = larger(largest, largest_of_row(c, n, quad, at, 2));
    }
    return largest;
}

fn pooled(c: Shared, n: u32, quad: u32, z: Span, row: Span, column: Span) -> vec4<f32> {
    var is_first = true;
    var largest = vec4<f32>(0.0);
    var index = vec4<i32>(0);
    var sum = vec4<f32>(0.0);
    for (var kz = z.first; kz < z.end; kz++) {
        let at_z = z.start + kz * c.dilation.z;
        for (var ky = row.first; ky < row.end; ky++) {
            let at_y = row.start + ky * c.dilation.y;
            let line = ((i32(n) * c.input.z + at_z) * c.input.y + at_y) * c.input.x;
            for (var kx = column.first; kx < column.end; kx++) {
                let at_x = column.start + kx * c.dilation.x;
                let v = read_x(c.x_offset + u32(line + at_x) * c.x_stride + quad);
                if REDUCTION == 1u {
                    sum += v;
                } else {
                    let here = at_z * c.index.z + at_y * c.index.y + at_x * c.index.x;
                    let is_larger = (v > largest) | vec4<bool>(is_first);
                    index = select(index, vec4<i32>(here), is_larger);
                    largest = select(largest, v, is_larger);
                    is_first = false;
                }
            }
        }
    }
    if REDUCTION == 1u {
        return sum / f32(count(z, row, column));
    }
    if REDUCTION == 2u {
        return channel_starts(n, quad) + vec4<f32>(index);
    }
    return largest;
}
