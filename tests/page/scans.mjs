// Volumes for the tests, made of the project's own sample slices.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync, inflateSync } from "node:zlib";

export const SAMPLES = fileURLToPath(new URL("../../samples", import.meta.url));
const DRAWN = join(SAMPLES, "patients", "drawn");
const CHANNELS = { pre: 0, flair: 1, post: 2 };
/** In mm, as README has it for the drawn patient. */
const DRAWN_SPACING = [1.875, 1.875, 5];

/** One sequence of the drawn patient, as packed NIfTI. */
export function drawnSequence(part) {
  return volume(pngsOf(DRAWN), CHANNELS[part], DRAWN_SPACING);
}

/** The average brain's sample slices as a volume, which is too low to be what the classifier was made for. */
export function averageBrain() {
  return volume(pngsOf(join(SAMPLES, "slices"), /^icbm152/), 0, [1.05, 1.05, 5]);
}

function pngsOf(folder, wanted = /^\d+\.png$/) {
  const names = readdirSync(folder)
    .filter((name) => wanted.test(name))
    .sort();
  return names.map((name) => decode(readFileSync(join(folder, name))));
}

/**
 * NIfTI-1 of unsigned bytes. Pictures have the patient's right on the left and the front at the top, so axes run to
 * left, back, head.
 */
function volume(slices, channel, [dx, dy, dz]) {
  const [{ width, height }] = slices;
  const header = Buffer.alloc(352);
  header.writeInt32LE(348, 0);
  [3, width, height, slices.length, 1, 1, 1, 1].forEach((n, i) => header.writeInt16LE(n, 40 + 2 * i));
  header.writeInt16LE(2, 70);
  header.writeInt16LE(8, 72);
  [1, dx, dy, dz].forEach((n, i) => header.writeFloatLE(n, 76 + 4 * i));
  header.writeFloatLE(352, 108);
  header.writeFloatLE(1, 112);
  // Lengths are in mm.
  header[123] = 2;
  header.writeInt16LE(1, 254);
  const sform = [-dx, 0, 0, (dx * width) / 2, 0, -dy, 0, (dy * height) / 2, 0, 0, dz, 0];
  sform.forEach((n, i) => header.writeFloatLE(n, 280 + 4 * i));
  header.write("n+1\0", 344, "latin1");
  return gzipSync(Buffer.concat([header, ...slices.map((slice) => voxels(slice, channel))]));
}

function voxels({ pixels, channels }, channel) {
  return Buffer.from(pixels.filter((_, at) => at % channels === channel));
}

/** Samples are PNG of 8 bits, grey or in colours, not interlaced; a browser is not needed for these. */
function decode(png) {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const channels = png[25] === 2 ? 3 : 1;
  const packed = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    if (png.toString("latin1", at + 4, at + 8) === "IDAT")
      packed.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  return {
    width,
    height,
    channels,
    pixels: unfiltered(inflateSync(Buffer.concat(packed)), width * channels, height, channels),
  };
}

function unfiltered(rows, stride, height, channels) {
  const pixels = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x >= channels ? pixels[at - channels] : 0;
      const up = y > 0 ? pixels[at - stride] : 0;
      const corner = x >= channels && y > 0 ? pixels[at - stride - channels] : 0;
      pixels[at] = rows[y * (stride + 1) + 1 + x] + predicted(filter, left, up, corner);
    }
  }
  return pixels;
}

/** The filters of PNG, section 9 of its specification. */
function predicted(filter, left, up, corner) {
  if (filter < 4) return [0, left, up, (left + up) >> 1][filter];
  const [a, b, c] = [up - corner, left - corner, left + up - 2 * corner].map(Math.abs);
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}
