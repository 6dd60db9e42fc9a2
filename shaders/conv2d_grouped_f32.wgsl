// Convolution in groups of any size: the general kernel, one pixel and quad of outputs an invocation.
// The channels of a group need not start at a multiple of four, so inputs are read one by one.
// Weights: [quad of outputs][ky][kx][input of the group], each the four outputs' weights.

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
    let pixel = i / quads;
    if pixel >= p.batch * p.out_height * p.out_width {
        return;
    }
    let c = quad * 4u;
    let from0 = first_input(c);
    let from1 = first_input(c + 1u);
    let from2 = first_input(c + 2u);
    let from3 = first_input(c + 3u);
    let w = window(pixel);
    var sum = vec4<f32>(0.0);
    var row = quad * KERNEL_Y * KERNEL_X * p.group_in;
    for (var ky = 0u; ky < KERNEL_Y; ky++) {
        for (var kx = 0u; kx < KERNEL_X; kx++) {
            let t = tap(w, ky, kx);
            for (var k = 0u; k < p.group_in; k++) {
                let v = vec4<f32>(input(t, from0 + k), input(t, from1 + k), input(t, from2 + k), input(t, from3 + k));
                sum = fma(v, weights[row], sum);
                row += 1u;
            }
        }
    }
    finish(sum, pixel, quad);
}
