// Shared by the element-wise kernels: functions of two operands, by number. Truth is 1, falsehood 0.

override BINARY: u32;
// Whether the operand that a kernel walks along is the function's second.
override SWAPPED: bool = false;

// pow() knows positive bases only: sign and zero are treated here.
fn power(base: vec4<f32>, exponent: vec4<f32>) -> vec4<f32> {
    let zero = vec4<f32>(0.0);
    let whole = floor(exponent) == exponent;
    let odd = whole & (floor(exponent * 0.5) * 2.0 != exponent);
    let magnitude = pow(abs(base), exponent);
    let signed = select(magnitude, -magnitude, odd & (base < zero));
    // The root of a negative number is what IEEE calls not a number.
    let defined = select(signed, sqrt(base), (base < zero) & !whole);
    let of_zero = select(select(zero, vec4<f32>(1.0), exponent == zero), 1.0 / base, exponent < zero);
    return select(defined, of_zero, base == zero);
}

fn truth(holds: vec4<bool>) -> vec4<f32> {
    return select(vec4<f32>(0.0), vec4<f32>(1.0), holds);
}

fn combine(walked: vec4<f32>, other: vec4<f32>) -> vec4<f32> {
    let a = select(walked, other, SWAPPED);
    let b = select(other, walked, SWAPPED);
    switch BINARY {
        case 1u: { return a + b; }
        case 2u: { return a - b; }
        case 3u: { return a * b; }
        case 4u: { return a / b; }
        case 5u: { return power(a, b); }
        case 6u: { return min(a, b); }
        case 7u: { return max(a, b); }
        // PRelu: the second operand is the slope.
        case 8u: { return select(a, a * b, a < vec4<f32>(0.0)); }
        case 9u: { return truth(a == b); }
        case 10u: { return truth(a < b); }
        case 11u: { return truth(a <= b); }
        case 12u: { return truth(a > b); }
        case 13u: { return truth(a >= b); }
        // And, Or, Xor of 0 and 1.
        case 14u: { return a * b; }
        case 15u: { return max(a, b); }
        case 16u: { return abs(a - b); }
        default: { return walked; }
    }
}
