// The input in a texture, read in groups of four.

@group(0) @binding(0) var x: Held;

fn read_x(i: u32) -> vec4<f32> {
    return fetch(x, i);
}
