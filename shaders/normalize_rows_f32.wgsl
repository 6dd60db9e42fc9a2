// Normalises rows: y = (x - mean) / spread * scale + bias. The mean is subtracted before anything is squared:
// a difference of mean squares would cancel where the mean is large. Every operand has strides of its own,
// which are 0 along what scale and bias repeat over.

struct Params {
    kept_shape: vec4<u32>,
    kept_x: vec4<u32>,
    kept_y: vec4<u32>,
    kept_scale: vec4<u32>,
    kept_bias: vec4<u32>,
    gone_shape: vec4<u32>,
    gone_x: vec4<u32>,
    gone_y: vec4<u32>,
    gone_scale: vec4<u32>,
    gone_bias: vec4<u32>,
    rows: u32,
    length: u32,
    x_first: u32,
    y_first: u32,
    epsilon: f32,
}

override CENTRED: bool;
override HAS_SCALE: bool;
override HAS_BIAS: bool;
// 0 the root of the mean square and epsilon, 1 the root of the mean square, and epsilon, 2 the sum of absolute
// values, 3 the root of the sum of squares.
override SPREAD: u32;
// What is written: 0 all elements, 1 every row's mean, 2 the reciprocal of every row's spread.
override WRITES: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> scale: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> p: Params;

fn element(first: u32, k: u32) -> f32 {
    return x[first + dot(coordinates_within(k, p.gone_shape), p.gone_x)];
}

// Four elements of a row, STEP apart, less the mean; zeros past its end. Drivers count how often a loop goes round.
fn deviations(first: u32, k: u32, mean: f32) -> vec4<f32> {
    var v = vec4<f32>(0.0);
    if k < p.length {
        v.x = element(first, k) - mean;
    }
    if k + STEP < p.length {
        v.y = element(first, k + STEP) - mean;
    }
    if k + 2u * STEP < p.length {
        v.z = element(first, k + 2u * STEP) - mean;
    }
    if k + 3u * STEP < p.length {
        v.w = element(first, k + 3u * STEP) - mean;
    }
    return v;
}

// Writes one element, if the row has it.
fn write(first: u32, kept: vec4<u32>, k: u32, mean: f32, factor: f32) {
    if k >= p.length {
        return;
    }
    let gone = coordinates_within(k, p.gone_shape);
    var v = (x[first + dot(gone, p.gone_x)] - mean) * factor;
    if HAS_SCALE {
        v = v * scale[dot(kept, p.kept_scale) + dot(gone, p.gone_scale)];
    }
    if HAS_BIAS {
        v = v + bias[dot(kept, p.kept_bias) + dot(gone, p.gone_bias)];
    }
    y[p.y_first + dot(kept, p.kept_y) + dot(gone, p.gone_y)] = v;
}

// The reciprocal of the spread, from the sum of squares or absolute values.
fn reciprocal(sum: f32) -> f32 {
    switch SPREAD {
        case 0u: { return 1.0 / sqrt(sum / f32(p.length) + p.epsilon); }
        case 1u: { return 1.0 / (sqrt(sum / f32(p.length)) + p.epsilon); }
        // A row of zeros stays one.
        case 2u: { return select(1.0 / sum, 0.0, sum == 0.0); }
        default: { return select(1.0 / sqrt(sum), 0.0, sum == 0.0); }
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    // The grid may be larger than the work; what lies past the last row repeats it and writes nothing.
    let item = row_of(group, groups, lane);
    let row = min(item, p.rows - 1u);
    let kept = coordinates(row, p.kept_shape);
    let first = p.x_first + dot(kept, p.kept_x);
    let begin = first_of(lane);
    var mean = 0.0;
    if CENTRED {
        for (var k = begin; k < p.length; k += 4u * STEP) {
            mean += dot(deviations(first, k, 0.0), vec4<f32>(1.0));
        }
        mean = total(ADD, lane, vec4<f32>(mean)).x / f32(p.length);
    }
    var sum = 0.0;
    for (var k = begin; k < p.length; k += 4u * STEP) {
        let v = deviations(first, k, mean);
        sum += select(dot(v, v), dot(abs(v), vec4<f32>(1.0)), SPREAD == 2u);
    }
    let factor = reciprocal(total(ADD, lane, vec4<f32>(sum)).x);
    if item >= p.rows {
        return;
    }
    if WRITES != 0u {
        if begin == 0u {
            y[row] = select(mean, factor, WRITES == 2u);
        }
        return;
    }
    for (var k = begin; k < p.length; k += 4u * STEP) {
        write(first, kept, k, mean, factor);
        write(first, kept, k + STEP, mean, factor);
        write(first, kept, k + 2u * STEP, mean, factor);
        write(first, kept, k + 3u * STEP, mean, factor);
    }
}
