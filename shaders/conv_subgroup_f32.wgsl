// Implicit GEMM in which every lane loads one row of weights and the subgroup shares them by broadcast:
// an eighth of the weight loads, which is what a load-bound device wants. PIXELS output pixels by 16 output
// channels an invocation; subgroups of at least 8 lanes, all of which must stay active throughout.
// Weights as for the register tile: the 8 rows of a step lie side by side.

override PIXELS: u32 = 4u;

// The sums of one pixel for eight output channels.
struct Sums {
    a: vec4<f32>,
    b: vec4<f32>,
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

fn finish_pixel(low: Sums, high: Sums, item: u32, quad: u32) {
    finish(low.a, item, quad);
    finish(low.b, item, quad + 1u);
    finish(high.a, item, quad + 2u);
    finish(high.b, item, quad + 3u);
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
    // A workgroup is one block of pixels by 16 channels, so that its subgroups share their weights.
    let block = group.y * groups.x + group.x;
    let count = items();
    let blocks = (count + PIXELS * WORKGROUP - 1u) / (PIXELS * WORKGROUP);
    let quad_out = block / blocks * 4u;
    let item = block % blocks * PIXELS * WORKGROUP + lane;
    let last = count - 1u;
    let window0 = window(min(item, last));
    let window1 = window(min(item + WORKGROUP, last));
    let window2 = window(min(item + 2u * WORKGROUP, last));
    let window3 = window(min(item + 3u * WORKGROUP, last));
    let zero = Sums(vec4<f32>(0.0), vec4<f32>(0.0));
    var low0 = zero;
    var low1 = zero;
    var low2 = zero;
    var low3 = zero;
    var high0 = zero;
    var high1 = zero;
    var high2 = zero;
    var high3 = zero;
    let octet_rows = taps() * p.in_quads * 8u;
    var row = block / blocks * 2u * octet_rows + subgroup_lane % 8u;
    for (var k = 0u; k < taps(); k++) {
        let tap0 = tap(window0, k);
        let tap1 = tap(window1, k);
        let tap2 = tap(window2, k);
        let tap3 = tap(window3, k);
        for (var quad = 0u; quad < p.in_quads; quad++) {
            let low = share(weights[row]);
            let high = share(weights[row + octet_rows]);
            let v0 = load(tap0, quad);
            low0 = add(low0, v0, low);
            high0 = add(high0, v0, high);
            if PIXELS > 1u {
                let v1 = load(tap1, quad);
                low1 = add(low1, v1, low);
                high1 = add(high1, v1, high);
            }
            if PIXELS > 2u {
                let v2 = load(tap2, quad);
                low2 = add(low2, v2, low);
                high2 = add(high2, v2, high);
                let v3 = load(tap3, quad);
                low3 = add(low3, v3, low);
                high3 = add(high3, v3, high);
            }
            row += 8u;
        }
    }
    finish_pixel(low0, high0, item, quad_out);
    if PIXELS > 1u {
        finish_pixel(low1, high1, item + WORKGROUP, quad_out);
    }
    if PIXELS > 2u {
        finish_pixel(low2, high2, item + 2u * WORKGROUP, quad_out);
        finish_pixel(low3, high3, item + 3u * WORKGROUP, quad_out);
    }
}
