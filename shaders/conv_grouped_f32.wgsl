// Convolution in groups of any size: the general kernel, one pixel and quad of outputs an invocation.
// The channels of a group need not start at a multiple of four, so inputs are read one by one.
// Weights: [quad of outputs][tap][input of the group], each the four outputs' weights.

fn input(t: Tap, channel: u32) -> f32 {
    let v = load(t, channel / 4u);
    let pair = select(v.xy, v.zw, (channel & 2u) != 0u);
    return select(pair.x, pair.y, (channel & 1u) != 0u);
}

// The first input channel of the group that an output channel belongs to.
fn first_input(channel: u32) -> u32 {
    return min(channel, p.out_channels - 1u) / p.group_out * p.group_in;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    let quads = out_quads();
    let quad = i % quads;
    let item = i / quads;
    if item >= items() {
        return;
    }
    let first = quad * 4u;
    let from0 = first_input(first);
    let from1 = first_input(first + 1u);
    let from2 = first_input(first + 2u);
    let from3 = first_input(first + 3u);
    let w = window(item);
    var sum = vec4<f32>(0.0);
    var row = quad * taps() * p.group_in;
    for (var k = 0u; k < taps(); k++) {
        let t = tap(w, k);
        if !t.inside {
            row += p.group_in;
            continue;
        }
        for (var c = 0u; c < p.group_in; c++) {
            let v = vec4<f32>(input(t, from0 + c), input(t, from1 + c), input(t, from2 + c), input(t, from3 + c));
            sum = fma(v, read_weights(row), sum);
            row += 1u;
        }
    }
    let e = ending();
    finish(e, channels_of(e, quad), sum, item, quad);
}
