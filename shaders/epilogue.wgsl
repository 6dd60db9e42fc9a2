// Shared by kernels that end in a fused tail: y = last(post(first(x)) + residual).

override FIRST: u32;
override LAST: u32;
override HAS_POST: bool;

// Zeroes the lanes of a group of four channels that lie past the last channel.
fn mask_channels(v: vec4<f32>, quad: u32, channels: u32) -> vec4<f32> {
    let c = vec4<u32>(quad * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    return select(vec4<f32>(0.0), v, c < vec4<u32>(channels));
}
