// Pictures drawn by formula, and a writer of every kind of PNG: what is tested reads them, and so does the program.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 as nodeCrc32, deflateSync } from "node:zlib";

const HERE = fileURLToPath(new URL(".", import.meta.url));
export const SAMPLES = fileURLToPath(new URL("../../samples", import.meta.url));

const [GREY, RGB, PALETTE, GREY_ALPHA, RGBA] = [0, 2, 3, 4, 6];
const COUNTS = { [GREY]: 1, [RGB]: 3, [PALETTE]: 1, [GREY_ALPHA]: 2, [RGBA]: 4 };
/** Where the pixels of each pass begin, and their distances. */
const INTERLACED = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

/**
 * A PNG file; rows go through the five filters in turn.
 *
 * @param {{width: number, height: number, type: number, depth: number, isInterlaced?: boolean, more?: [string, Buffer][]}}
 *     kind `more` are chunks that go before the pixels
 * @param {(x: number, y: number, c: number) => number} sample
 */
export function png({ width, height, type, depth, isInterlaced = false, more = [] }, sample) {
  const count = COUNTS[type];
  const passes = isInterlaced ? INTERLACED : [[0, 0, 1, 1]];
  const rows = passes.flatMap(([left, top, across, down]) => {
    const columns = Math.max(0, Math.ceil((width - left) / across));
    const lines = columns === 0 ? 0 : Math.max(0, Math.ceil((height - top) / down));
    const values = (n) =>
      Array.from({ length: columns * count }, (_, at) =>
        sample(left + across * Math.trunc(at / count), top + down * n, at % count),
      );
    const packed = Array.from({ length: lines }, (_, n) => pack(values(n), depth));
    return packed.map((row, n) => filtered(row, packed[n - 1], n % 5, Math.max(1, (count * depth) >> 3)));
  });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, type, 0, 0, isInterlaced ? 1 : 0], 8);
  const chunks = [["IHDR", header], ...more, ["IDAT", deflateSync(Buffer.concat(rows))], ["IEND", Buffer.alloc(0)]];
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, ...chunks.map(([kind, content]) => chunk(kind, content))]);
}

function pack(values, depth) {
  if (depth === 16) return Buffer.from(values.flatMap((value) => [value >> 8, value & 255]));
  const row = Buffer.alloc(Math.ceil((values.length * depth) / 8));
  values.forEach((value, at) => {
    row[(at * depth) >> 3] |= value << (8 - depth - ((at * depth) & 7));
  });
  return row;
}

function filtered(row, above, filter, step) {
  const predicted = (at) => {
    const left = at >= step ? row[at - step] : 0;
    const up = above ? above[at] : 0;
    const corner = above && at >= step ? above[at - step] : 0;
    return [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
  };
  return Buffer.from([filter, ...row.map((value, at) => value - predicted(at))]);
}

function paeth(left, up, corner) {
  const near = (value) => Math.abs(left + up - corner - value);
  if (near(left) <= near(up) && near(left) <= near(corner)) return left;
  return near(up) <= near(corner) ? up : corner;
}

export function chunk(kind, content) {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), content]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(content.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** Node has it since 20.15. */
function crc32(bytes) {
  if (nodeCrc32) return nodeCrc32(bytes);
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** Waves with a dark frame, up to `most`; channels differ. */
function waves(width, height, most) {
  return (x, y, c) => {
    if (x < width / 8 || y < height / 8) return 0;
    const wave = Math.sin((11 * x) / width + 0.7 * c) * Math.cos((9 * y) / height);
    return Math.round((0.5 + 0.45 * wave) * most);
  };
}

/** The same noise in every run. */
function noise(most) {
  return (x, y, c) => (Math.imul((x + 1) * 7919 + (y + 1) * 104729 + (c + 1) * 1299709, 2654435761) >>> 8) % (most + 1);
}

/** A head: a bright ring, a grey disc, black around it. */
function head(width, height) {
  return (x, y) => {
    const radius = Math.hypot((x - width / 2) / (0.42 * width), (y - height / 2) / (0.46 * height));
    if (radius > 1) return 0;
    return radius > 0.93 ? 200 : Math.round(90 + 40 * Math.sin(x / 7) * Math.cos(y / 9));
  };
}

const grey = (width, height, sample, depth = 8) => png({ width, height, type: GREY, depth }, sample);
const exif = (orientation) => [
  "eXIf",
  Buffer.from([0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]),
];

/** Every picture by its name, as a file. */
export function pictures() {
  const drawn = {
    "head.png": grey(176, 208, head(176, 208)),
    "wide.png": grey(173, 61, waves(173, 61, 255)),
    "high.png": grey(40, 199, waves(40, 199, 255)),
    "dot.png": grey(1, 1, () => 7),
    "black.png": grey(3, 2, () => 0),
    "tiny.png": grey(5, 3, noise(255)),
    "strip.png": grey(3000, 1, noise(255)),
    "large.png": grey(1700, 1900, waves(1700, 1900, 255)),
    "grey-1.png": grey(61, 50, noise(1), 1),
    "grey-2.png": grey(61, 50, noise(3), 2),
    "grey-4.png": grey(61, 50, waves(61, 50, 15), 4),
    "grey-16.png": grey(150, 170, waves(150, 170, 4000), 16),
    "noise-16.png": grey(90, 70, noise(65535), 16),
    "rgb.png": png({ width: 111, height: 90, type: RGB, depth: 8 }, waves(111, 90, 255)),
    "rgb-16.png": png({ width: 111, height: 90, type: RGB, depth: 16 }, waves(111, 90, 65535)),
    "rgb-of-grey.png": png({ width: 44, height: 52, type: RGB, depth: 8 }, (x, y) => waves(44, 52, 255)(x, y, 0)),
    "grey-alpha.png": png({ width: 70, height: 81, type: GREY_ALPHA, depth: 8 }, noise(255)),
    "grey-alpha-16.png": png({ width: 70, height: 81, type: GREY_ALPHA, depth: 16 }, noise(65535)),
    "rgba.png": png({ width: 66, height: 81, type: RGBA, depth: 8 }, waves(66, 81, 255)),
    "rgba-16.png": png({ width: 66, height: 81, type: RGBA, depth: 16, isInterlaced: true }, noise(65535)),
    "interlaced.png": png({ width: 61, height: 53, type: RGB, depth: 8, isInterlaced: true }, waves(61, 53, 255)),
    "interlaced-4.png": png({ width: 3, height: 7, type: GREY, depth: 4, isInterlaced: true }, noise(15)),
    "palette.png": paletted(8, 200, []),
    "palette-2.png": paletted(2, 4, []),
    "palette-clear.png": paletted(4, 16, [["tRNS", Buffer.from([0, 100, 255, 30])]]),
    "clear-grey.png": clear(GREY, 8, [0, 130]),
    "clear-rgb-16.png": clear(RGB, 16, [0, 3, 0, 3, 0, 3]),
    "clear-grey-2.png": clear(GREY, 2, [0, 2]),
  };
  for (let orientation = 2; orientation <= 8; orientation++) {
    const kind = { width: 31, height: 22, type: GREY, depth: 8, more: [exif(orientation)] };
    drawn[`turned-${orientation}.png`] = png(kind, waves(31, 22, 255));
  }
  for (const name of readdirSync(join(HERE, "pictures")).filter((file) => file.endsWith(".jpg"))) {
    if (name !== "cmyk.jpg") drawn[name] = readFileSync(join(HERE, "pictures", name));
  }
  return drawn;
}

export const cmyk = () => readFileSync(join(HERE, "pictures", "cmyk.jpg"));

/** Indices may lie beyond the palette. */
function paletted(depth, colours, more) {
  const palette = Buffer.from(Array.from({ length: 3 * colours }, (_, at) => (at * 53) % 256));
  const kind = { width: 45, height: 33, type: PALETTE, depth, more: [["PLTE", palette], ...more] };
  return png(kind, (x, y) => (x + 3 * y) % 2 ** depth);
}

function clear(type, depth, colour) {
  const sample = depth === 16 ? (x) => x % 7 : noise(2 ** depth - 1);
  return png({ width: 45, height: 33, type, depth, more: [["tRNS", Buffer.from(colour)]] }, sample);
}

/** The project's sample scans of a folder below `samples/`, by their names. */
export function samples(folder) {
  const names = readdirSync(join(SAMPLES, folder)).filter(
    (name) => name.endsWith(".png") && !name.endsWith("_mask.png"),
  );
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(SAMPLES, folder, name))]));
}
