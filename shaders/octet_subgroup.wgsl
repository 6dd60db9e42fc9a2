// The sums of up to four pixels for sixteen output channels, and a step that adds one quad of inputs. Every lane loads
// one row of weights and the subgroup shares them by broadcast: an eighth of the weight loads, which is what a
// load-bound device wants. Subgroups of at least 8 lanes, all of which must stay active throughout. `weights` are those
// of the kernel: eight rows a step, four inputs for the first quad of outputs, then for the second.

override PIXELS: u32;

// The sums of one pixel for eight output channels.
struct Sums {
    a: vec4<f32>,
    b: vec4<f32>,
}

struct Block {
    low0: Sums,
    low1: Sums,
    low2: Sums,
    low3: Sums,
    high0: Sums,
    high1: Sums,
    high2: Sums,
    high3: Sums,
}

// One quad of inputs of as many pixels as there are.
struct Inputs {
    v0: vec4<f32>,
    v1: vec4<f32>,
    v2: vec4<f32>,
    v3: vec4<f32>,
}

// Eight rows of weights: four inputs for the first quad of outputs, then for the second.
struct Rows {
    w0: vec4<f32>,
    w1: vec4<f32>,
    w2: vec4<f32>,
    w3: vec4<f32>,
    w4: vec4<f32>,
    w5: vec4<f32>,
    w6: vec4<f32>,
    w7: vec4<f32>,
}

fn no_sums() -> Block {
    let zero = Sums(vec4<f32>(0.0), vec4<f32>(0.0));
    return Block(zero, zero, zero, zero, zero, zero, zero, zero);
}

fn share(w: vec4<f32>) -> Rows {
    return Rows(
        subgroupBroadcast(w, 0u),
        subgroupBroadcast(w, 1u),
        subgroupBroadcast(w, 2u),
        subgroupBroadcast(w, 3u),
        subgroupBroadcast(w, 4u),
        subgroupBroadcast(w, 5u),
        subgroupBroadcast(w, 6u),
        subgroupBroadcast(w, 7u),
    );
}

fn add(s: Sums, v: vec4<f32>, r: Rows) -> Sums {
    return Sums(
        fma(v.wwww, r.w3, fma(v.zzzz, r.w2, fma(v.yyyy, r.w1, fma(v.xxxx, r.w0, s.a)))),
        fma(v.wwww, r.w7, fma(v.zzzz, r.w6, fma(v.yyyy, r.w5, fma(v.xxxx, r.w4, s.b)))),
    );
}

// `low_row` and `high_row` are the lane's rows of either eight output channels.
fn accumulate(s: Block, v: Inputs, low_row: u32, high_row: u32) -> Block {
    let low = share(read_weights(low_row));
    let high = share(read_weights(high_row));
    var next = s;
    next.low0 = add(s.low0, v.v0, low);
    next.high0 = add(s.high0, v.v0, high);
    if PIXELS != 1u {
        next.low1 = add(s.low1, v.v1, low);
        next.high1 = add(s.high1, v.v1, high);
    }
    if PIXELS == 4u {
        next.low2 = add(s.low2, v.v2, low);
        next.high2 = add(s.high2, v.v2, high);
        next.low3 = add(s.low3, v.v3, low);
        next.high3 = add(s.high3, v.v3, high);
    }
    return next;
}
