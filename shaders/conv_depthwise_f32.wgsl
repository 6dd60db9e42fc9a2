// Depthwise convolution: every channel has a filter of its own, so four channels are one vector
// operation. One pixel and quad an invocation. Weights: [quad][tap].

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
    let w = window(item);
    var sum = vec4<f32>(0.0);
    for (var k = 0u; k < taps(); k++) {
        sum = fma(load(tap(w, k), quad), read_weights(quad * taps() + k), sum);
    }
    let e = ending();
    finish(e, channels_of(e, quad), sum, item, quad);
}
