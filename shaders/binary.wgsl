// Shared by the element-wise kernels: the arithmetic of two operands, by number.

override BINARY: u32 = 0u;

fn combine(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    switch BINARY {
        case 1u: { return a + b; }
        case 2u: { return a - b; }
        case 3u: { return a * b; }
        case 4u: { return a / b; }
        case 5u: { return b - a; }
        case 6u: { return b / a; }
        default: { return a; }
    }
}
