// F(2x2, 3x3): from 4x4 products to 2x2 outputs.

const STEP: u32 = 2u;

struct Line {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
}

struct Result {
    a: vec4<f32>,
    b: vec4<f32>,
}

fn inverse(v: Line) -> Result {
    return Result(v.a + v.b + v.c, v.b - v.c - v.d);
}

fn column(t: Tile, x: u32) -> Result {
    return inverse(
        Line(load_point(t, x), load_point(t, 4u + x), load_point(t, 8u + x), load_point(t, 12u + x)),
    );
}

fn transform(e: Ending, t: Tile) {
    let c0 = column(t, 0u);
    let c1 = column(t, 1u);
    let c2 = column(t, 2u);
    let c3 = column(t, 3u);
    let upper = inverse(Line(c0.a, c1.a, c2.a, c3.a));
    let lower = inverse(Line(c0.b, c1.b, c2.b, c3.b));
    finish_square(e, t, 0u, 0u, upper.a, upper.b, lower.a, lower.b);
}
