// The parts of the player and of the demo that need no browser.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { compare } from "../../web/conformance/judge.js";
import { resultOf } from "../../web/conformance/totals.js";
import { play } from "../../web/conformance/trials.js";
import { MAX_FILE_BYTES, bytesOf } from "../../web/demo/decode.js";
import { holdTo } from "../../web/demo/known.js";
import { Refused, Scan } from "../../web/demo/scan.js";
import { shrunk } from "../../web/demo/shrink.js";
import { modelFile, numbers, shader } from "../../web/demo/site.js";
import { explained } from "../../web/gpu/faults.js";
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
  const record = (operator, outcome, ...runs) => {
    return { suite: "s", group: "g", operator, case: "c", outcome, runs, worst: null };
  };
  const result = resultOf(
    {},
    [
      record("B", "skipped", played("m", "skipped")),
      record("A", "failed", played("k", "passed"), played("l", "failed")),
      record("A", "passed", played("k", "passed"), played("m", "skipped")),
    ],
    ["n"],
  );
  assert.deepEqual(
    result.groups.map(({ operator, cases, passed, skipped }) => [operator, cases, passed, skipped]),
    [
      ["A", 2, 1, 0],
      ["B", 1, 0, 1],
    ],
  );
  assert.deepEqual(result.suites, { s: { passed: 1, failed: 1, skipped: 1, not_run: 0 } });
  assert.deepEqual(result.kernels, { k: { passed: 2, failed: 0 }, l: { passed: 0, failed: 1 } });
  assert.deepEqual(result.unreached, ["m", "n"]);
  assert.deepEqual(result.skipped, [{ reason: "skipped", runs: 2, kernels: ["m"] }]);
  assert.equal(result.failures.length, 1);
});

/** Has a host answer what these functions make, by address; hands over the list of what is asked. */
async function withHost(files, use) {
  const asked = [];
  const { fetch } = globalThis;
  globalThis.fetch = async (path) => {
    asked.push(path);
    return files[path]?.() ?? new Response("", { status: 404 });
  };
  try {
    return await use(asked);
  } finally {
    globalThis.fetch = fetch;
  }
}

const unreachable = () => {
  throw new TypeError("fetch failed");
};

/** A body that breaks off. */
function broken(bytes) {
  const pull = (controller) => controller.error(new TypeError("network error"));
  return new Response(new ReadableStream({ start: (controller) => controller.enqueue(bytes), pull }));
}

test("numbers are taken whole and as they were written, or not at all", async () => {
  const bytes = new Uint8Array(Float32Array.of(1, -2.5, 3).buffer);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const of = { file: "w.bin", bytes: bytes.length, sha256 };
  const whole = [];
  await withHost({ "w.bin": () => new Response(bytes) }, async () => {
    assert.deepEqual([...(await numbers(of, (part) => whole.push(part)))], [1, -2.5, 3]);
  });
  assert.equal(whole.at(-1), 1);
  const other = bytes.slice();
  other[5] ^= 1;
  for (const [answer, said] of [
    [() => new Response(other), /w\.bin is damaged, or another one.*as a whole/],
    [() => new Response(bytes.slice(0, 8)), /w\.bin ends early.*as a whole/],
    [() => new Response(new Uint8Array(16)), /w\.bin is longer.*as a whole/],
    [() => broken(bytes.slice(0, 8)), /connection was lost while w\.bin came\. Try again/],
    [unreachable, /w\.bin cannot be fetched: the host .* cannot be reached\. Try again/],
    [() => undefined, /w\.bin cannot be fetched \(status 404\)\..*as a whole.*\.wgsl.*type/],
    [() => new Response("", { status: 503 }), /\(status 503\)\. [^.]*as a whole\.$/],
  ]) {
    await withHost({ "w.bin": answer }, () => assert.rejects(numbers(of), said));
  }
});

test("a connection that is lost is no fault of the folder, nor of kernels", async () => {
  const device = { lost: new Promise(() => {}) };
  await withHost({ "model.json": () => new Response("{") }, () => assert.rejects(modelFile(), /model\.json is damaged/));
  await withHost({ "model.json": () => broken(Buffer.from("{")) }, () => assert.rejects(modelFile(), /connection was lost/));
  await withHost({ "shaders/k.wgsl": () => broken(Buffer.from("fn")) }, async (asked) => {
    const fault = await shader("k").catch((error) => explained(device, error, ["k"]));
    assert.match(fault.message, /^The connection was lost while shaders\/k\.wgsl came/);
    // What failed is asked for anew.
    await assert.rejects(shader("k"));
    assert.equal(asked.length, 2);
  });
});

test("a GPU is held to the known answer, output by output", () => {
  const outputs = [
    { name: "a", start: 1, count: 2 },
    { name: "b", start: 3, count: 3 },
  ];
  const wanted = Float32Array.of(9, 100, 0, NaN, Infinity, -2);
  const held = (a, b) => holdTo({ outputs, tolerance: 1e-3 }, wanted, new Map(Object.entries({ a, b })), "SwiftShader");
  held(Float32Array.of(100.09, -0.09), Float32Array.of(NaN, Infinity, -2.0019));
  const flushed = { outputs: [{ name: "c", start: 0, count: 2 }], tolerance: 1e-3 };
  holdTo(flushed, Float32Array.of(1e-39, 0), new Map([["c", Float32Array.of(0, 0)]]), "");
  for (const [a, b, said] of [
    [[100, 0.125], [NaN, Infinity, -2], /GPU \(SwiftShader\) computes .* gave 0\.125 where 0 is right, at place 1 in .*'a'/],
    [[100, 0], [NaN, Infinity, -2.25], /gave -2\.25 where -2 .*'b'/],
    [[100, 0], [0, Infinity, -2], /gave 0 where NaN .*'b'/],
    [[100, NaN], [NaN, Infinity, -2], /gave NaN where 0 .*'a'/],
    [[100], [NaN, Infinity, -2], /gave 1 numbers where 2 are due .*'a'/],
  ]) {
    assert.throws(() => held(Float32Array.from(a), Float32Array.from(b)), (fault) => {
      assert.match(fault.message, said);
      return fault instanceof Refused;
    });
  }
});

test("a large scan is shown as the means of blocks, as the service shows it", () => {
  const samples = Uint8Array.of(0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 111, 7, 7, 9);
  const scan = new Scan(5, 3, 1, samples);
  const small = shrunk(scan, 3);
  assert.deepEqual([small.width, small.height, [...small.samples]], [3, 2, [30, 50, 65, 106, 7, 9]]);
  assert.equal(shrunk(scan, 5), scan);
  const colours = new Scan(3, 1, 3, Uint16Array.of(1, 2, 3, 3, 4, 5, 9, 9, 9));
  assert.deepEqual(shrunk(colours, 2).samples, Uint16Array.of(2, 3, 4, 9, 9, 9));
});

test("of a file that is too large no more is read than tells what it is", async () => {
  const file = (start) => ({
    size: MAX_FILE_BYTES + 1,
    slice: (from, to) => new Blob([start.slice(from, to)]),
    arrayBuffer: () => assert.fail("it was read"),
  });
  const nifti = new Uint8Array(400);
  nifti.set([0x5c, 1]);
  await assert.rejects(bytesOf(file(nifti)), /This is a NIfTI file; this page reads PNG and JPEG/);
  await assert.rejects(bytesOf(file(Buffer.from(`${"\0".repeat(128)}DICM`, "latin1"))), /This is a DICOM file/);
  await assert.rejects(bytesOf(file(new Uint8Array(200))), /larger than 256 MiB/);
  assert.deepEqual(await bytesOf(new Blob([Uint8Array.of(1, 2)])), Uint8Array.of(1, 2));
});

test("what cannot be read is asked for once more, and then told as not run", async () => {
  const engine = { stopped: null, prepare() {}, unfit: () => null, play: async ({ inputs }) => inputs };
  const number = { start: 0, count: 1 };
  const run = { kernels: ["k"], precision: "f32", weights: [], inputs: [number], expected: [number], bounds: [number] };
  const trial = { suite: "s", group: "g", operator: "A", case: "c", file: "cases/1" };
  const played = async (answers) => {
    const left = [...answers];
    const files = {
      "cases/1.json": () => new Response(JSON.stringify({ runs: [run] })),
      "cases/1.bin": () => left.shift()(),
    };
    return withHost(files, async () => {
      for await (const record of play(engine, [trial])) return record;
      return null;
    });
  };
  const right = () => new Response(Float32Array.of(1));
  assert.equal((await played([unreachable, right])).outcome, "passed");
  assert.equal((await played([() => new Response(""), right])).outcome, "passed");
  const never = await played([unreachable, () => broken(new Uint8Array(2))]);
  assert.deepEqual([never.outcome, never.operator, never.runs], ["not_run", "A", []]);
  assert.match(never.reason, /cases\/1\.bin came only in part: network error/);
});
