// What the program itself makes of the same files.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const GYRUS = process.env.GYRUS_BIN ?? join(ROOT, "target/release/gyrus");

/** Why nothing can be compared; false where it can. */
export const isMissing = existsSync(GYRUS)
  ? false
  : `${GYRUS} is missing: cargo build --release, or name another in GYRUS_BIN`;

export const modelFolder = (name) => join(ROOT, "weights", name);

/** Writes files to a folder of their own, hands it over, and removes it. */
export async function withFolder(files, use) {
  const folder = mkdtempSync(join(tmpdir(), "gyrus-demo-"));
  try {
    const paths = Object.entries(files).map(([name, bytes]) => {
      writeFileSync(join(folder, name), bytes);
      return join(folder, name);
    });
    return await use(folder, paths);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs the program; files that it refuses are the caller's to look for. */
export function gyrus(...args) {
  const { status, stdout, stderr, error } = spawnSync(GYRUS, args, { encoding: "utf8", maxBuffer: 2 ** 28 });
  assert.ok(!error && status < 2, `gyrus ${args.slice(0, 4).join(" ")} …: ${error ?? stderr}`);
  return stdout;
}

export const jsonLines = (text) =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** The rows that a card makes of files, with what the program measured of each. */
export function preprocessed(folder, card, paths) {
  const out = join(folder, "prepared.npy");
  gyrus("preprocess", "--card", card, "--out", out, ...paths);
  const { values } = readNpy(out);
  const { rows } = JSON.parse(readFileSync(`${out}.json`, "utf8"));
  const length = values.length / rows.length;
  return rows.map((row, at) => ({ ...row, values: values.subarray(at * length, (at + 1) * length) }));
}

/** NumPy's format, version 1, of f32. */
export function readNpy(path) {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, start);
  assert.match(header, /'<f4'/);
  const shape = /\(([^)]*)\)/
    .exec(header)[1]
    .split(",")
    .filter((side) => side.trim())
    .map(Number);
  return {
    shape,
    values: new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length)),
  };
}

export function writeNpy(path, shape, values) {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const header = Buffer.from(text.padEnd(117) + "\n", "latin1");
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length, 0]);
  writeFileSync(path, Buffer.concat([start, header, Buffer.from(values.buffer, values.byteOffset, values.byteLength)]));
}

/** A model's card as an exported site has it. */
export function cardOf(name) {
  const program = "import json, sys, tomllib; print(json.dumps(tomllib.load(open(sys.argv[1], 'rb'))))";
  const { status, stdout, stderr } = spawnSync("python3", ["-c", program, join(modelFolder(name), "card.toml")], {
    encoding: "utf8",
    maxBuffer: 2 ** 26,
  });
  assert.equal(status, 0, `a card is read by Python 3.11 or newer: ${stderr}`);
  return JSON.parse(stdout);
}

/** The largest difference of two lists of numbers. */
export function difference(found, expected) {
  assert.equal(found.length, expected.length);
  let worst = 0;
  found.forEach((value, at) => {
    const off = Math.abs(value - expected[at]);
    // What is no number is no smaller.
    if (!(off <= worst)) worst = off;
  });
  return worst;
}
