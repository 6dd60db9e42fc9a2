// What the demo makes of files before and after its network, held against the program, without a browser:
//
//     cargo build --release && node --test tests/browser/prepare.test.mjs

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { withoutSpecks } from "../../web/demo/components.js";
import { decode } from "../../web/demo/decode.js";
import { decimal, distance, judge, measure } from "../../web/demo/gate.js";
import { classified, segmented } from "../../web/demo/interpret.js";
import { nearestAboveZero, percentileAboveZero } from "../../web/demo/percentile.js";
import { encodePng } from "../../web/demo/png.js";
import { channelCount, prepare } from "../../web/demo/prepare.js";
import { Scan } from "../../web/demo/scan.js";
import { chunk, cmyk, pictures, png, samples } from "./drawn.mjs";
import {
  cardOf,
  difference,
  gyrus,
  isMissing,
  jsonLines,
  modelFolder,
  preprocessed,
  readNpy,
  withFolder,
  writeNpy,
} from "./native.mjs";

/** Inputs are from -5 to 5. */
const TOLERANCE = 1e-5;
const native = { skip: isMissing };
const SCANS = { ...samples("slices"), ...samples("patients/drawn") };

/** Every way in which a card may prepare, beside those of the models that come with the program. */
const INPUTS = [
  { channels: "grey", height: 64, width: 48, fit: "pad", intensity: "unit" },
  { channels: "rgb", height: 37, width: 91, fit: "stretch", intensity: "unit" },
  { channels: "rgb", height: 80, width: 33, fit: "pad", intensity: "percentile", percentile: 90 },
  { channels: "grey", height: 51, width: 50, fit: "stretch", intensity: "percentile", percentile: 100 },
  { channels: "grey", height: 40, width: 70, fit: "pad", intensity: "z-score" },
  { channels: "rgb", height: 96, width: 60, fit: "stretch", intensity: "z-score" },
];

const bytesOf = (buffer) => new Uint8Array(buffer);

test("every picture is prepared as the program prepares it", native, async () => {
  const files = { ...pictures(), ...SCANS };
  const worst = {};
  await withFolder(files, async (folder, paths) => {
    const cards = INPUTS.map((input, at) => {
      const path = join(folder, `card-${at}.toml`);
      writeFileSync(path, cardText(input));
      return { path, input };
    });
    for (const model of ["alzheimer", "tumor"]) cards.push({ path: modelFolder(model), input: cardOf(model).input });
    for (const { path, input } of cards) {
      const rows = preprocessed(folder, path, paths);
      assert.equal(rows.length, paths.length, path);
      for (const row of rows) {
        const scan = await decode(bytesOf(readFileSync(row.file)));
        const { colour, foreground } = measure(scan);
        const what = `${row.file} by ${path}`;
        assert.deepEqual(
          [scan.width, scan.height, colour, foreground],
          [row.width, row.height, row.colour, row.foreground],
          what,
        );
        const off = difference(prepare(input, scan), row.values);
        assert.ok(off <= TOLERANCE, `${what}: off by ${off}`);
        worst[input.intensity] = Math.max(worst[input.intensity] ?? 0, off);
      }
    }
  });
  console.log("largest differences:", worst);
});

function cardText(input) {
  const head = 'name = "t"\nversion = 1\ntitle = "T"\ntask = "classification"\n[input]\n';
  return (
    head +
    Object.entries(input)
      .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
      .join("")
  );
}

test("labels and warnings are the program's", native, async () => {
  const files = { ...pictures(), ...samples("slices") };
  const card = cardOf("alzheimer");
  await withFolder(files, async (folder, paths) => {
    const answers = await answersOf("alzheimer", card, folder, paths);
    const said = jsonLines(
      gyrus("classify", "--device", "cpu", "--model", modelFolder("alzheimer"), "--format", "json", ...paths),
    );
    assert.equal(said.length, paths.length);
    said.forEach((expected, at) => {
      const { scan, prepared, outputs } = answers[at];
      const warnings = judge(card, measure(scan), prepared, outputs.features);
      const found = classified(card, outputs.logits, warnings);
      assert.deepEqual(found.warnings, expected.warnings, expected.file);
      assert.equal(found.prediction, expected.prediction, expected.file);
      const [p, q] = [found, expected].map(({ probabilities }) => Object.values(probabilities));
      assert.ok(difference(p, q) < 1e-5, expected.file);
    });
  });
});

test("masks are the program's, pixel by pixel", native, async () => {
  const files = { ...pictures(), ...samples("patients/drawn") };
  const card = cardOf("tumor");
  await withFolder(files, async (folder, paths) => {
    const answers = await answersOf("tumor", card, folder, paths);
    const out = join(folder, "masks");
    const args = ["--device", "cpu", "--model", modelFolder("tumor"), "--allow-missing-sequences", "--out", out];
    const said = jsonLines(gyrus("segment", ...args, "--format", "json", ...paths));
    assert.equal(said.length, paths.length);
    let marked = 0;
    for (const [at, expected] of said.entries()) {
      const { scan, prepared, outputs } = answers[at];
      const warnings = judge(card, measure(scan), prepared, outputs.features);
      const found = segmented(card, scan, outputs.probability, warnings);
      assert.deepEqual(found.warnings, expected.warnings, expected.file);
      const { samples: drawn } = await decode(bytesOf(readFileSync(expected.mask)));
      const off = found.mask.reduce((sum, set, pixel) => sum + (255 * set !== drawn[pixel]), 0);
      assert.equal(off, 0, `${expected.file}: ${off} pixels differ`);
      assert.deepEqual([found.pixels, found.fraction], [expected.pixels, expected.fraction], expected.file);
      marked += found.pixels > 0;
    }
    assert.ok(marked > 5, "too few masks have anything in them");
  });
});

/** Prepared as the demo does, computed by the program. */
async function answersOf(model, card, folder, paths) {
  const scans = await Promise.all(paths.map(async (path) => decode(bytesOf(readFileSync(path)))));
  const prepared = scans.map((scan) => prepare(card.input, scan));
  const { input, features, output } = card.model;
  const shape = [scans.length, channelCount(card.input), card.input.height, card.input.width];
  writeNpy(join(folder, "x.npy"), shape, Float32Array.from(prepared.flatMap((values) => [...values])));
  const out = join(folder, "out");
  mkdirSync(out);
  gyrus(
    "run",
    join(modelFolder(model), card.model.file),
    "--device",
    "cpu",
    "--input",
    `${input}=${join(folder, "x.npy")}`,
    "--output-dir",
    out,
  );
  const tensors = [output, features].map((name) => [name, readNpy(join(out, `${name}.npy`)).values]);
  const row = (values, at) =>
    values.subarray((at * values.length) / scans.length, ((at + 1) * values.length) / scans.length);
  return scans.map((scan, at) => ({
    scan,
    prepared: prepared[at],
    outputs: Object.fromEntries(tensors.map(([name, values]) => [name, row(values, at)])),
  }));
}

test("files that are cut are refused, or are whole", async () => {
  const files = pictures();
  for (const name of ["rgb-16.png", "palette-clear.png", "grey.jpg", "colour-444.jpg", "colour-420-progressive.jpg"]) {
    const bytes = bytesOf(files[name]);
    const whole = await decode(bytes);
    let refused = 0;
    for (let length = 0; length < bytes.length; length += 7) {
      const found = await decode(bytes.subarray(0, length)).catch((error) => error);
      if (found instanceof Scan) assert.deepEqual(found, whole, `${name} cut to ${length}`);
      else {
        refused++;
        assert.equal(found.name, "Refused", `${name} cut to ${length}: ${found.stack}`);
      }
    }
    // What is not needed is a trailer.
    assert.ok(refused >= bytes.length / 7 - 4, `${name}: ${refused}`);
  }
});

test("damaged files are refused in words, or decode", async () => {
  const files = pictures();
  const random = new Random(11);
  for (const name of ["interlaced.png", "palette-2.png", "grey-progressive.jpg", "colour-422.jpg", "turned.jpg"]) {
    for (let turn = 0; turn < 150; turn++) {
      const bytes = bytesOf(Buffer.from(files[name]));
      for (let n = 0; n < 3; n++) bytes[random.below(bytes.length)] = random.below(256);
      const found = await decode(bytes).catch((error) => error);
      assert.ok(found instanceof Scan || found.name === "Refused", `${name}: ${found.stack}`);
    }
  }
});

/** The same numbers in every run. */
class Random {
  constructor(seed) {
    this.state = seed;
  }

  below(limit) {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.trunc((this.state / 2 ** 32) * limit);
  }
}

test("giants are refused by their headers", async () => {
  const { "grey.jpg": grey, "dot.png": dot } = pictures();
  const frame = grey.indexOf(Buffer.from([0xff, 0xc0]));
  for (const [width, height] of [
    [30_000, 30_000],
    [16_000, 16_000],
    [0, 5],
  ]) {
    const header = Buffer.from(dot.subarray(16, 29));
    header.writeUInt32BE(width, 0);
    header.writeUInt32BE(height, 4);
    const giant = Buffer.concat([dot.subarray(0, 8), chunk("IHDR", header), dot.subarray(33)]);
    const jpeg = Buffer.from(grey);
    jpeg.writeUInt16BE(height, frame + 5);
    jpeg.writeUInt16BE(width, frame + 7);
    for (const bytes of [giant, jpeg]) {
      await assert.rejects(decode(bytesOf(bytes)), /too large|is empty/);
    }
  }
});

test("other files are refused in words", async () => {
  const dicom = Buffer.concat([Buffer.alloc(128), Buffer.from("DICM")]);
  const several = png({ width: 2, height: 2, type: 0, depth: 8, more: [["acTL", Buffer.alloc(8)]] }, () => 1);
  const broken = Buffer.from(pictures()["rgb.png"]);
  broken[broken.indexOf("IDAT") + 9] ^= 1;
  for (const [bytes, expected] of [
    [Buffer.alloc(0), /is empty/],
    [Buffer.from("GIF89a"), /GIF file; this page reads PNG and JPEG/],
    [Buffer.from("II*\0"), /TIFF file/],
    [Buffer.from("RIFF1234WEBPVP8 "), /WebP file/],
    [Buffer.from("BM"), /BMP file/],
    [dicom, /DICOM file/],
    [Buffer.from([0x1f, 0x8b, 8, 0]), /compressed file/],
    [Buffer.from("%PDF-1.4"), /no picture that can be read/],
    [Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), /Damaged PNG/],
    [Buffer.from([0xff, 0xd8, 0xff]), /Damaged JPEG image \(it ends early\)/],
    [several, /more than one image/],
    [broken, /checksum of IDAT/],
    [cmyk(), /4 channels/],
  ]) {
    await assert.rejects(decode(bytesOf(bytes)), expected);
  }
});

test("what is written as PNG is read again", async () => {
  const samples = Uint8Array.from({ length: 3 * 7 * 5 }, (_, at) => (at * 31) % 256);
  for (const [width, channels] of [
    [7, 3],
    [21, 1],
  ]) {
    const blob = await encodePng(samples, width, 5, channels);
    const scan = await decode(bytesOf(await blob.arrayBuffer()));
    assert.deepEqual([scan.width, scan.height, scan.channels, scan.samples], [width, 5, channels, samples]);
  }
});

test("percentiles are numpy's", () => {
  // numpy.percentile([1, 2, 4, 8], q)
  const planes = [Float32Array.of(8, 0, 1), Float32Array.of(4, 2, 0)];
  for (const [q, expected] of [
    [100, 8],
    [50, 3],
    [25, 1.75],
    [90, 6.8],
    [1e-9, 1],
  ]) {
    assert.ok(Math.abs(percentileAboveZero(planes, q) - expected) < 1e-8, String(q));
  }
  assert.equal(percentileAboveZero([new Float32Array(3)], 50), null);
  // Values between whole numbers keep their order.
  assert.equal(nearestAboveZero([Float32Array.of(1.75, 1.25, 1.5)], 50), 1.5);
});

test("numbers are printed as the program prints them", () => {
  const printed = [1.125, 1.375, 0.625, 1.124, 1.126, 2].map((value) => decimal(value, 2));
  assert.deepEqual(printed, ["1.12", "1.38", "0.62", "1.12", "1.13", "2.00"]);
  assert.deepEqual(
    [2.25, 2.75, 0.05].map((value) => decimal(value, 1)),
    ["2.2", "2.8", "0.1"],
  );
});

test("distances are in deviations within the subspace and in residual scales across", () => {
  const subspace = {
    limit: 2,
    residual_scale: 0.1,
    mean: [1, 1, 1],
    basis: [
      [0.3, 0.4, 0],
      [0, 0, 2],
    ],
  };
  assert.ok(Math.abs(distance(subspace, [3.4, 4.2, 2]) - Math.sqrt(8 / 3)) < 1e-12);
  assert.ok(Math.abs(distance(subspace, [1.4, 0.7, 1]) - Math.sqrt(25 / 3)) < 1e-9);
  assert.throws(() => distance(subspace, [1]), /1 numbers where the card's gate has 3/);
});

test("a number that is none is flagged, and no answer", () => {
  const card = { output: { labels: ["a", "b"], activation: "softmax" }, gate: { max_aspect: 2 }, input: {} };
  const [warning] = judge(card, { colour: 0, foreground: 0.5, aspect: NaN }, new Float32Array(), null);
  assert.equal(warning.code, "proportions");
  assert.throws(() => classified(card, Float32Array.of(NaN, 0), []), /NaN, which is no answer/);
  assert.throws(() => classified(card, Float32Array.of(0), []), /2 labels/);
  const given = { output: { labels: ["a", "b"], activation: "none" } };
  assert.throws(() => classified(given, Float32Array.of(2, -1), []), /did not give probabilities/);
  assert.equal(classified(given, Float32Array.of(0.5, 0.5), []).prediction, "a");
});

test("specks are dropped, and what touches by a corner is one", () => {
  const rows = (...lines) => Uint8Array.from(lines.join(""), (letter) => letter === "#");
  const mask = rows("#...#", ".#..#", "..#..", "....#");
  assert.deepEqual(withoutSpecks(mask, 5, 2), rows("#...#", ".#..#", "..#..", "....."));
  assert.deepEqual(withoutSpecks(mask, 5, 3), rows("#....", ".#...", "..#..", "....."));
  assert.deepEqual(withoutSpecks(rows("...#", "#..."), 4, 2), new Uint8Array(8));
});
