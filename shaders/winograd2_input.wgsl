// F(2x2, 3x3): tiles of 4x4 inputs for 2x2 outputs (Lavin and Gray, 2015).

const STEP: u32 = 2u;

struct Line {
    a: vec4<f32>,
    b: vec4<f32>,
    c: vec4<f32>,
    d: vec4<f32>,
}

fn forward(v: Line) -> Line {
    return Line(v.a - v.c, v.b + v.c, v.c - v.b, v.b - v.d);
}

fn column(t: Tile, x: i32) -> Line {
    return forward(Line(load(t, 0, x), load(t, 1, x), load(t, 2, x), load(t, 3, x)));
}

fn store_row(t: Tile, row: u32, v: Line) {
    let line = forward(v);
    store(t, row * 4u, line.a);
    store(t, row * 4u + 1u, line.b);
    store(t, row * 4u + 2u, line.c);
    store(t, row * 4u + 3u, line.d);
}

fn transform(t: Tile) {
    let c0 = column(t, 0);
    let c1 = column(t, 1);
    let c2 = column(t, 2);
    let c3 = column(t, 3);
    store_row(t, 0u, Line(c0.a, c1.a, c2.a, c3.a));
    store_row(t, 1u, Line(c0.b, c1.b, c2.b, c3.b));
    store_row(t, 2u, Line(c0.c, c1.c, c2.c, c3.c));
    store_row(t, 3u, Line(c0.d, c1.d, c2.d, c3.d));
}
