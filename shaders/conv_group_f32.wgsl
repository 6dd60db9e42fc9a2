// Implicit GEMM with tiles in workgroup memory: 64 pixels by 32 output channels a workgroup, 4 by 8 an invocation. Every
// input and weight is loaded once for the workgroup. Weights as for the register tile.

// Groups of four inputs that are staged at a time.
const DEPTH: u32 = 4u;
// Rows of weights that a workgroup takes for a group of inputs: four octets.
const ROWS: u32 = 32u;
// Invocations that compute one octet: side by side, so that they read one row of weights and pixels in a row, and no two
// the same bank of workgroup memory.
const LANES_A_PART: u32 = 16u;

var<workgroup> inputs: array<vec4<f32>, 256>;
var<workgroup> filters: array<vec4<f32>, 128>;

struct Block {
    octet: u32,
    octets: u32,
    octet_rows: u32,
    lane: u32,
}

// The weights of all octets for these groups of inputs; rows past the last octet are those of the last, and unused.
fn stage_filters(b: Block, row: u32, depth: u32) {
    for (var i = b.lane; i < ROWS * DEPTH; i += WORKGROUP) {
        let quad = min(i / ROWS, depth - 1u);
        let octet = min(b.octet + i % ROWS / 8u, b.octets - 1u);
        filters[i] = read_weights(octet * b.octet_rows + row + quad * 8u + i % 8u);
    }
}

fn staged(s: Sums, pixel: u32, octet: u32, quad: u32) -> Sums {
    let v0 = inputs[quad * WORKGROUP + pixel];
    let v1 = inputs[quad * WORKGROUP + pixel + LANES_A_PART];
    let v2 = inputs[quad * WORKGROUP + pixel + 2u * LANES_A_PART];
    let v3 = inputs[quad * WORKGROUP + pixel + 3u * LANES_A_PART];
    let first = quad * ROWS + octet * 8u;
    let w0 = filters[first];
    let w1 = filters[first + 1u];
    let w2 = filters[first + 2u];
    let w3 = filters[first + 3u];
    let w4 = filters[first + 4u];
    let w5 = filters[first + 5u];
    let w6 = filters[first + 6u];
    let w7 = filters[first + 7u];
    return Sums(
        product(s.a0, v0, w0, w1, w2, w3),
        product(s.a1, v1, w0, w1, w2, w3),
        product(s.a2, v2, w0, w1, w2, w3),
        product(s.a3, v3, w0, w1, w2, w3),
        product(s.b0, v0, w4, w5, w6, w7),
        product(s.b1, v1, w4, w5, w6, w7),
        product(s.b2, v2, w4, w5, w6, w7),
        product(s.b3, v3, w4, w5, w6, w7),
    );
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let number = group.y * groups.x + group.x;
    let count = items();
    let blocks = (count + WORKGROUP - 1u) / WORKGROUP;
    let octets = (p.out_channels + 7u) / 8u;
    // The folded grid may be larger than the work; such a workgroup computes the last octets again and writes nothing.
    let octet = number / blocks * 4u;
    let b = Block(min(octet, octets - 1u), octets, (taps() * p.in_quads + p.beside_quads) * 8u, lane);
    let first = number % blocks * WORKGROUP;
    let pixel = lane % LANES_A_PART;
    let part = lane / LANES_A_PART;
    // Invocations load one pixel each and compute four.
    var own_item = first + lane;
    var items = first + pixel + vec4<u32>(0u, LANES_A_PART, 2u * LANES_A_PART, 3u * LANES_A_PART);
    let pooled = first / 4u + pixel;
    if POOLED {
        own_item = corner(pooled, part);
        items = corners(pooled);
    }
    let own = window(min(own_item, count - 1u));
    var s = no_sums();
    var row = 0u;
    for (var k = 0u; k < taps(); k++) {
        let at = tap(own, k);
        for (var quad = 0u; quad < p.in_quads; quad += DEPTH) {
            let depth = min(p.in_quads - quad, DEPTH);
            for (var i = 0u; i < depth; i++) {
                inputs[i * WORKGROUP + lane] = load(at, quad + i);
            }
            stage_filters(b, row, depth);
            workgroupBarrier();
            for (var i = 0u; i < depth; i++) {
                s = staged(s, pixel, part, i);
            }
            workgroupBarrier();
            row += depth * 8u;
        }
    }
    if HAS_BESIDE {
        for (var quad = 0u; quad < p.beside_quads; quad += DEPTH) {
            let depth = min(p.beside_quads - quad, DEPTH);
            for (var i = 0u; i < depth; i++) {
                inputs[i * WORKGROUP + lane] = load_beside(own_item, quad + i);
            }
            stage_filters(b, row, depth);
            workgroupBarrier();
            for (var i = 0u; i < depth; i++) {
                s = staged(s, pixel, part, i);
            }
            workgroupBarrier();
            row += depth * 8u;
        }
    }
    let e = ending();
    let quad = (octet + part) * 2u;
    finish_four(e, s.a0, s.a1, s.a2, s.a3, items, pooled, quad);
    finish_four(e, s.b0, s.b1, s.b2, s.b3, items, pooled, quad + 1u);
}
