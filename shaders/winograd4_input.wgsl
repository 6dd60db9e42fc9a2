// F(4x4, 3x3): tiles of 6x6 inputs for 4x4 outputs (Lavin and Gray, 2015).

const STEP: u32 = 4u;

struct Line {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
    e: vec4<f32>,
    f: vec4<f32>,
}

fn forward(v: Line) -> Line {
    let even = v.e - 4.0 * v.c;
    let odd = v.d - 4.0 * v.b;
    let near = v.e - v.c;
    let far = 2.0 * (v.d - v.b);
    return Line(
        4.0 * v.a - 5.0 * v.c + v.e,
        even + odd,
        even - odd,
        near + far,
        near - far,
        4.0 * v.b - 5.0 * v.d + v.f,
    );
}

fn column(t: Tile, x: i32) -> Line {
    return forward(
        Line(load(t, 0, x), load(t, 1, x), load(t, 2, x), load(t, 3, x), load(t, 4, x), load(t, 5, x)),
    );
}

fn store_row(t: Tile, row: u32, v: Line) {
    let line = forward(v);
    store(t, row * 6u, line.a);
    store(t, row * 6u + 1u, line.b);
    store(t, row * 6u + 2u, line.c);
    store(t, row * 6u + 3u, line.d);
    store(t, row * 6u + 4u, line.e);
    store(t, row * 6u + 5u, line.f);
}

fn transform(t: Tile) {
    let c0 = column(t, 0);
    let c1 = column(t, 1);
    let c2 = column(t, 2);
    let c3 = column(t, 3);
    let c4 = column(t, 4);
    let c5 = column(t, 5);
    store_row(t, 0u, Line(c0.a, c1.a, c2.a, c3.a, c4.a, c5.a));
    store_row(t, 1u, Line(c0.b, c1.b, c2.b, c3.b, c4.b, c5.b));
    store_row(t, 2u, Line(c0.c, c1.c, c2.c, c3.c, c4.c, c5.c));
    store_row(t, 3u, Line(c0.d, c1.d, c2.d, c3.d, c4.d, c5.d));
    store_row(t, 4u, Line(c0.e, c1.e, c2.e, c3.e, c4.e, c5.e));
    store_row(t, 5u, Line(c0.f, c1.f, c2.f, c3.f, c4.f, c5.f));
}
