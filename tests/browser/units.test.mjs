// The parts of the player that need no browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { compare } from "../../web/conformance/judge.js";
import { resultOf } from "../../web/conformance/totals.js";
import { layoutOf } from "../../web/gpu/pipelines.js";
import { submissions } from "../../web/gpu/player.js";
import { gaps } from "../../web/gpu/poison.js";
import { halves, textureSize } from "../../web/gpu/texels.js";

globalThis.GPUShaderStage = { COMPUTE: 4 };

/** What an f16 stands for, worked out without a shift of bits. */
function valueOf(half) {
  const [sign, exponent, mantissa] = [half >> 15 ? -1 : 1, (half >> 10) & 31, half & 1023];
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + mantissa / 1024) * 2 ** (exponent - 15) : (mantissa / 1024) * 2 ** -14);
}

const halfOf = (number) => halves(Float32Array.of(number))[0];

test("every f16 is its own nearest", () => {
  for (let half = 0; half < 65536; half++) {
    const value = valueOf(half);
    if (Number.isNaN(value)) assert.ok(Number.isNaN(valueOf(halfOf(value))));
    else assert.equal(halfOf(value), half, `${value}`);
  }
});

test("what lies between two f16 becomes the nearer, and the even one from half-way", () => {
  for (let half = 0; half < 0x7c00; half++) {
    // Infinity comes where the next would have been.
    const [low, high] = [valueOf(half), half === 0x7bff ? 65536 : valueOf(half + 1)];
    const middle = (low + high) / 2;
    assert.equal(halfOf(middle), half + (half & 1), `half-way between ${low} and ${high}`);
    const ulp = 2 ** (Math.floor(Math.log2(middle)) - 23);
    assert.equal(halfOf(middle - ulp), half, `below ${middle}`);
    assert.equal(halfOf(middle + ulp), half + 1, `above ${middle}`);
    assert.equal(halfOf(-middle - ulp), 0x8000 | (half + 1), `below ${-middle}`);
  }
  assert.deepEqual([1e38, -Infinity, 1e-40, -1e-40].map(halfOf), [0x7c00, 0xfc00, 0, 0x8000]);
});

test("textures are as large as the planner has counted", () => {
  const sizes = { 1: [1, 3], 5: [8, 3], 2048: [2048, 3], 2049: [2048, 3], 6144: [2048, 3], 6145: [2048, 5] };
  for (const [texels, size] of Object.entries(sizes)) {
    assert.deepEqual(textureSize(texels * 16, "f32"), size);
    assert.deepEqual(textureSize(texels * 8, "f16"), size);
  }
});

test("layouts are what the WGSL declares, used or not", () => {
  const text = `
    alias Stored = texture_storage_2d<rgba16float, write>;
    // @group(0) @binding(9) var<storage, read> left_out: array<f32>;
    @group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
    @group(0) @binding(1) var<storage, read_write> b: array<f32>;
    @group(0) @binding(2) var c: texture_2d<f32>;
    @group(0) @binding(3) var d: texture_storage_2d<rgba32float, read>;
    @group(0) @binding(4)
    var e: Stored;
    @group(0) @binding(5) var<uniform> p: Params;
    var<workgroup> shared: array<f32, 64>;`;
  const entries = layoutOf("k", text).map(({ binding, visibility, ...resource }) => resource);
  assert.deepEqual(entries, [
    { buffer: { type: "read-only-storage" } },
    { buffer: { type: "storage" } },
    { texture: { sampleType: "unfilterable-float" } },
    { storageTexture: { format: "rgba32float", access: "read-only" } },
    { storageTexture: { format: "rgba16float", access: "write-only" } },
    { buffer: { type: "uniform" } },
  ]);
  assert.throws(() => layoutOf("k", "@group(0) @binding(0) var s: sampler;"), /kernel k: .*sampler/);
});

test("submissions are closed before a driver's watchdog is, and never empty", () => {
  const of = (...bytes) => submissions(bytes.map((n) => ({ multiply_adds: 0, bytes: n })), true);
  assert.deepEqual(of(1e6, 1e6), [0]);
  assert.deepEqual(of(3e8, 3e8, 3e8), [0, 1, 2]);
  assert.deepEqual(of(9e8), [0]);
  assert.deepEqual(of(), [0]);
});

test("gaps are what no range covers", () => {
  const range = (slab, offset, size) => ({ buffer: { slab }, offset, size });
  const inputs = [range(0, 256, 16), range(0, 0, 32), range(0, 16, 32)].map((of) => ({ range: of }));
  const plan = { inputs, outputs: [{ range: range(1, 0, 16) }], steps: [] };
  assert.deepEqual(gaps(plan, { slab: 0 }, 512), [
    { start: 48, end: 256 },
    { start: 272, end: 512 },
  ]);
  assert.deepEqual(gaps(plan, { slab: 1 }, 16), []);
});

test("the judge is as strict as the command's", () => {
  const judge = (want, have, bound) =>
    compare([Float32Array.of(want)], [Float32Array.of(have)], [Float32Array.of(bound)]).fault;
  const same = [[0, -0], [NaN, NaN], [Infinity, Infinity], [1, 1]];
  for (const [want, have] of same) assert.equal(judge(want, have, 0), null, `${have} for ${want}`);
  const wrong = [[1, NaN], [NaN, 1], [Infinity, 3e38], [3e38, Infinity], [Infinity, -Infinity], [1, 1.01]];
  for (const [want, have] of wrong) {
    assert.match(judge(want, have, 1e-3) ?? "", /^output 0, element 0 is /, `${have} for ${want}`);
  }
  assert.match(compare([Float32Array.of(1)], [], []).fault, /0 outputs instead of 1/);
  const among = compare([Float32Array.of(1, NaN, 1)], [Float32Array.of(1.1, NaN, 9)], [Float32Array.of(1, 0, 1)]);
  assert.deepEqual([among.element, among.worst.error], [2, 8]);
});

test("totals count trials by outcome and kernels by run", () => {
  const played = (kernel, outcome) => ({ kernels: [kernel], precision: "f32", outcome, reason: outcome });
  const record = (group, outcome, ...runs) => ({ suite: "s", group, case: "c", outcome, runs, worst: null });
  const result = resultOf(
    {},
    [
      record("A", "failed", played("k", "passed"), played("l", "failed")),
      record("A", "passed", played("k", "passed"), played("m", "skipped")),
      record("B", "skipped", played("m", "skipped")),
    ],
    ["n"],
  );
  assert.deepEqual(result.suites, { s: { passed: 1, failed: 1, skipped: 1, not_run: 0 } });
  assert.deepEqual(result.kernels, { k: { passed: 2, failed: 0 }, l: { passed: 0, failed: 1 } });
  assert.deepEqual(result.unreached, ["m", "n"]);
  assert.deepEqual(result.skipped, [{ reason: "skipped", runs: 2, kernels: ["m"] }]);
  assert.equal(result.failures.length, 1);
});
