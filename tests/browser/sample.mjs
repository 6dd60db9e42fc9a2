// A small exported folder made by hand: the player and the page are tested with it where no `gyrus` has been built.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PAGE_FILES } from "./files.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PIXELS = 3000;
const BYTES = 16 * PIXELS;
/** Two rows of a texture that stores f32, and as many texels of f16. */
const [ROWS_F32, ROWS_F16] = [2 * 2048 * 16, 2 * 2048 * 8];

const SHADERS = {
  elementwise_f32: ["grid", "activation", "epilogue", "binary", "elementwise_f32"],
  buffer_to_texels: ["grid", "stored_f32", "texels", "x_buffer", "y_texels", "layout_quads_f32"],
  texels_to_buffer: ["grid", "stored_f32", "texels", "x_held", "y_buffer", "layout_quads_f32"],
  buffer_to_halves: ["grid", "stored_f16", "texels", "x_buffer", "y_texels", "layout_quads_f32"],
  halves_to_buffer: ["grid", "stored_f32", "texels", "x_sampled", "y_buffer", "layout_quads_f32"],
};

/** Writes the folder; `remove` deletes it. */
export function writeSample() {
  const folder = mkdtempSync(join(tmpdir(), "gyrus-export-"));
  for (const name of PAGE_FILES) cpSync(join(ROOT, "web", name), join(folder, name));
  mkdirSync(join(folder, "shaders"));
  mkdirSync(join(folder, "cases"));
  for (const [name, parts] of Object.entries(SHADERS)) {
    const text = parts.map((part) => readFileSync(join(ROOT, "shaders", `${part}.wgsl`), "utf8")).join("");
    writeFileSync(join(folder, "shaders", `${name}.wgsl`), text);
  }
  const trials = CASES.map((made, at) => writeCase(folder, made, `cases/${String(at + 1).padStart(4, "0")}`));
  const kernels = [...Object.keys(SHADERS), "lanes_f32", "nowhere_f32"];
  writeFileSync(join(folder, "index.json"), JSON.stringify({ gyrus: "0.1.0", suites: ["builtin"], kernels, trials }));
  return { folder, remove: () => rmSync(folder, { recursive: true }) };
}

function writeCase(folder, { group, name, runs }, file) {
  const numbers = [];
  const part = (values) => {
    const start = numbers.length;
    numbers.push(...values);
    return { start, count: values.length };
  };
  const told = runs.map(({ kernels, precision, plan, weights, inputs, expected }) => ({
    kernels,
    precision,
    plan,
    weights: weights.map(part),
    inputs: inputs.map(part),
    expected: expected.map(part),
    bounds: expected.map((values) => part(values.map(() => (precision === "f16" ? 0.01 : 1e-6)))),
  }));
  const of = { suite: "builtin", group, operator: group, case: name };
  writeFileSync(join(folder, `${file}.json`), JSON.stringify({ ...of, runs: told, skipped: [] }));
  writeFileSync(join(folder, `${file}.bin`), Buffer.from(new Float32Array(numbers).buffer));
  return { ...of, file };
}

const slab = (index, size = BYTES) => ({ buffer: { slab: index }, offset: 0, size });
const port = (name, range) => ({ name, shape: [1, 4 * PIXELS], dtype: "f32", range });
const INPUT = Array.from({ length: 4 * PIXELS }, (_, at) => Math.fround(Math.sin(at) * 3));

function step(kernel, constants, inputs, output, params, given = {}) {
  return {
    node: "n",
    operator: "o",
    kernel,
    shader: kernel,
    subgroups: false,
    constants,
    inputs,
    output,
    params: [...new Uint8Array(params.buffer)],
    grid: [Math.ceil(PIXELS / 64), 1, 1],
    multiply_adds: 0,
    bytes: 2 * BYTES,
    ...given,
  };
}

/** What a step of `elementwise_f32` is unless its constants say otherwise: no operator at all. */
const NOTHING = { FIRST: 0, LAST: 0, HAS_POST: 0, BINARY: 0, SPLAT: 0 };

function elementwise(given, inputs, output, more) {
  const params = new Uint32Array(16);
  // Rows, columns, channels; every operand one row; the same of the second for each of the first.
  params.set([1, PIXELS, 4 * PIXELS, 0, PIXELS, 0, 0, 0, 1, 1, 0, PIXELS]);
  const constants = Object.entries({ ...NOTHING, ...given });
  return step("elementwise_f32", constants, inputs, output, params, more);
}

function quads(kernel, input, output) {
  return step(kernel, [], [input], output, new Uint32Array([PIXELS, 1, 0, 1, 0, 1]));
}

function run(steps, given = {}) {
  const { expected, weights = [], slabs = [BYTES, BYTES], output = slab(1), precision = "f32", ...sizes } = given;
  const plan = {
    slabs,
    textures: [],
    half_textures: [],
    weights: weights.map((_, at) => ({ key: `w${at}`, bytes: BYTES, texture: false, precision: "f32" })),
    inputs: [port("x", slab(0))],
    outputs: [port("y", output)],
    steps,
    ...sizes,
  };
  const kernels = [...new Set(steps.map((one) => one.kernel))];
  return { kernels, precision, plan, weights, inputs: [INPUT], expected: [expected] };
}

/** `relu(x) + w`, in two steps of one text and two sets of constants. */
function reluAdd() {
  const added = INPUT.map((_, at) => at / 7);
  const weights = { buffer: { weights: 0 }, offset: 0, size: BYTES };
  const relu = elementwise({ FIRST: 1 }, [slab(0), slab(0), slab(0)], slab(1));
  const add = elementwise({ BINARY: 1 }, [slab(1), weights, weights], slab(2));
  const expected = INPUT.map((x, at) => Math.fround(Math.max(x, 0) + Math.fround(added[at])));
  return run([relu, add], { expected, weights: [added], slabs: [BYTES, BYTES, BYTES], output: slab(2) });
}

function throughTexels(kind, size, kernels, precision) {
  const texels = { buffer: { [kind]: 0 }, offset: 0, size: (size / 4096) * PIXELS };
  const steps = [quads(kernels[0], slab(0), texels), quads(kernels[1], texels, slab(1))];
  return run(steps, { expected: INPUT, precision, [`${kind}s`]: [size] });
}

/** A step that wants subgroups, which is played where the adapter has wide ones. */
function lanes() {
  const relu = elementwise({ FIRST: 1 }, [slab(0), slab(0), slab(0)], slab(1), { subgroups: true, kernel: "lanes_f32" });
  return run([relu], { expected: INPUT.map((x) => Math.max(x, 0)) });
}

const CASES = [
  { group: "Add", name: "of a rectified input", runs: [reluAdd()] },
  {
    group: "Layout",
    name: "there and back",
    runs: [
      throughTexels("texture", ROWS_F32, ["buffer_to_texels", "texels_to_buffer"], "f32"),
      throughTexels("half_texture", ROWS_F16, ["buffer_to_halves", "halves_to_buffer"], "f16"),
    ],
  },
  { group: "Relu", name: "of wide subgroups", runs: [lanes()] },
];
