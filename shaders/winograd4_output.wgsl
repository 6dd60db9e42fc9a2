// F(4x4, 3x3): from 6x6 products to 4x4 outputs.

const STEP: u32 = 4u;

struct Line {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
    e: vec4<f32>,
    f: vec4<f32>,
}

struct Result {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
}

fn inverse(v: Line) -> Result {
    let near = v.b + v.c;
    let near_odd = v.b - v.c;
    let far = v.d + v.e;
    let far_odd = v.d - v.e;
    return Result(
        v.a + near + far,
        near_odd + 2.0 * far_odd,
        near + 4.0 * far,
        near_odd + 8.0 * far_odd + v.f,
    );
}

fn column(t: Tile, x: u32) -> Result {
    return inverse(
        Line(
            load_point(t, x),
            load_point(t, 6u + x),
            load_point(t, 12u + x),
            load_point(t, 18u + x),
            load_point(t, 24u + x),
            load_point(t, 30u + x),
        ),
    );
}

fn finish_rows(e: Ending, t: Tile, y: u32, upper: Line, lower: Line) {
    let u = inverse(upper);
    let l = inverse(lower);
    finish_square(e, t, y, 0u, u.a, u.b, l.a, l.b);
    finish_square(e, t, y, 2u, u.c, u.d, l.c, l.d);
}

fn transform(e: Ending, t: Tile) {
    let c0 = column(t, 0u);
    let c1 = column(t, 1u);
    let c2 = column(t, 2u);
    let c3 = column(t, 3u);
    let c4 = column(t, 4u);
    let c5 = column(t, 5u);
    finish_rows(
        e,
        t,
        0u,
        Line(c0.a, c1.a, c2.a, c3.a, c4.a, c5.a),
        Line(c0.b, c1.b, c2.b, c3.b, c4.b, c5.b),
    );
    finish_rows(
        e,
        t,
        2u,
        Line(c0.c, c1.c, c2.c, c3.c, c4.c, c5.c),
        Line(c0.d, c1.d, c2.d, c3.d, c4.d, c5.d),
    );
}
