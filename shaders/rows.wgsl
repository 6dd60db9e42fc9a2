// Shared by kernels that work on rows: the elements that go into one result, or into one set of statistics.
// Rows and the elements of a row are counted through up to four dimensions each, right-aligned in the four
// places; the host has joined dimensions that lie together.

// How many dimensions the elements of a row really run over: division is slow, and mostly there is one.
override ROW_DIMENSIONS: u32;

// Of a row.
fn coordinates(i: u32, shape: vec4<u32>) -> vec4<u32> {
    let rows = i / shape.w;
    let planes = rows / shape.z;
    return vec4<u32>(planes / shape.y, planes % shape.y, rows % shape.z, i % shape.w);
}

// Of an element within its row.
fn coordinates_within(k: u32, shape: vec4<u32>) -> vec4<u32> {
    if ROW_DIMENSIONS <= 1u {
        return vec4<u32>(0u, 0u, 0u, k);
    }
    if ROW_DIMENSIONS == 2u {
        let row = k / shape.w;
        return vec4<u32>(0u, 0u, row, k - row * shape.w);
    }
    return coordinates(k, shape);
}

// Ways of joining two partial results. The last two join values that carry their index in the second
// component; an index is exact up to 2^24, which the host checks.
const ADD: u32 = 0u;
const MULTIPLY: u32 = 1u;
const LARGEST: u32 = 2u;
const SMALLEST: u32 = 3u;
const FIRST_LARGEST: u32 = 4u;
const LAST_LARGEST: u32 = 5u;

fn join(how: u32, a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    switch how {
        case MULTIPLY: { return a * b; }
        case LARGEST: { return max(a, b); }
        case SMALLEST: { return min(a, b); }
        case FIRST_LARGEST: { return select(a, b, b.x > a.x || (b.x == a.x && b.y < a.y)); }
        case LAST_LARGEST: { return select(a, b, b.x > a.x || (b.x == a.x && b.y > a.y)); }
        default: { return a + b; }
    }
}
