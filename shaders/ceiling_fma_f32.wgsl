// As many multiply-adds as a device does at most: independent chains of fma in registers, with hardly a byte moved.
// Nothing of it is known before the run, and every chain ends in the result, so no compiler may leave any out.

struct Params {
    // Of the loop below: eight links a chain each.
    rounds: u32,
    factor: f32,
    addend: f32,
}

// Chains of vec4<f32> an invocation, at most 6: with few of them a device waits for the last link, with many it runs
// out of registers.
override CHAINS: u32;

@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(1) var<uniform> p: Params;

struct Chains {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
    e: vec4<f32>,
    f: vec4<f32>,
}

fn linked(chains: Chains, factor: vec4<f32>, addend: vec4<f32>) -> Chains {
    var next = chains;
    next.a = fma(chains.a, factor, addend);
    if CHAINS > 1u { next.b = fma(chains.b, factor, addend); }
    if CHAINS > 2u { next.c = fma(chains.c, factor, addend); }
    if CHAINS > 3u { next.d = fma(chains.d, factor, addend); }
    if CHAINS > 4u { next.e = fma(chains.e, factor, addend); }
    if CHAINS > 5u { next.f = fma(chains.f, factor, addend); }
    return next;
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let i = invocation_index(group, groups, lane);
    let first = vec4<f32>(0.0, 0.25, 0.5, 0.75) + f32(lane);
    let factor = vec4<f32>(p.factor);
    let addend = vec4<f32>(p.addend);
    var v = Chains(first, first + 1.0, first + 2.0, first + 3.0, first + 4.0, first + 5.0);
    for (var round = 0u; round < p.rounds; round++) {
        v = linked(v, factor, addend);
        v = linked(v, factor, addend);
        v = linked(v, factor, addend);
        v = linked(v, factor, addend);
        v = linked(v, factor, addend);
        v = linked(v, factor, addend);
        v = linked(v, factor, addend);
        v = linked(v, factor, addend);
    }
    y[i] = v.a + v.b + v.c + v.d + v.e + v.f;
}
