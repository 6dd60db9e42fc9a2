// PNG, all kinds of it, read and written without a canvas: that has 8 bits, multiplies colours by their alpha, may
// convert colours, and in some browsers adds noise against those who recognise visitors by what they draw.

import { orientationOf, turned } from "./orientation.js";
import { Refused, Scan, checkSize } from "./scan.js";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** By colour type: samples a pixel, and the depths that there are. */
const KINDS = {
  0: [1, [1, 2, 4, 8, 16]],
  2: [3, [8, 16]],
  3: [1, [1, 2, 4, 8]],
  4: [2, [8, 16]],
  6: [4, [8, 16]],
};
const [PALETTE, GREY_ALPHA, COLOUR_ALPHA] = [3, 4, 6];
/** Where the pixels of each pass begin, and their distances: x, y, across, down. */
const WHOLE = [[0, 0, 1, 1]];
const INTERLACED = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

const damaged = (detail) => new Refused(`Damaged PNG image (${detail}); export or copy it again.`);

export const isPng = (bytes) => SIGNATURE.every((byte, at) => bytes[at] === byte);

/**
 * @param {Uint8Array} bytes
 * @returns {Promise<Scan>}
 */
export async function decodePng(bytes) {
  const { header, before, data } = read(bytes);
  checkSize(header.width, header.height);
  if (before.acTL)
    throw new Refused("The PNG file holds more than one image; save the one you mean as a file of its own.");
  const passes = passesOf(header);
  const length = passes.reduce((sum, pass) => sum + pass.height * (1 + pass.stride), 0);
  const rows = await inflated(data, length);
  const scan = scanOf(header, passes, rows, coloursOf(header, before));
  return before.eXIf ? turned(scan, orientationOf(before.eXIf)) : scan;
}

/** The header, the chunks before the pixels, and the packed pixels. */
function read(bytes) {
  const [before, data] = [{}, []];
  for (const { kind, content } of chunks(bytes)) {
    if (kind === "IDAT") data.push(content);
    else if (!data.length) before[kind] = content;
  }
  if (!before.IHDR || before.IHDR.length !== 13) throw damaged("it has no header");
  if (!data.length) throw damaged("it ends early");
  return { header: headerOf(before.IHDR), before, data };
}

function* chunks(bytes) {
  const view = viewOf(bytes);
  for (let at = SIGNATURE.length; at + 8 <= bytes.length;) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 8 + length;
    if (end + 4 > bytes.length) throw damaged("it ends early");
    const isRight = crc32(bytes.subarray(at + 4, end)) === view.getUint32(end);
    const isNeeded = /^[A-Z]/.test(kind);
    if (!isRight && isNeeded) throw damaged(`the checksum of ${kind} is wrong`);
    if (isRight) yield { kind, content: bytes.subarray(at + 8, end) };
    if (kind === "IEND") return;
    at = end + 4;
  }
}

const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function headerOf(content) {
  const view = viewOf(content);
  const [depth, type, packing, filter, interlace] = content.subarray(8);
  const [count, depths] = KINDS[type] ?? [0, []];
  if (!depths.includes(depth) || packing || filter || interlace > 1) throw damaged("its header means nothing");
  return { width: view.getUint32(0), height: view.getUint32(4), depth, type, count, isInterlaced: interlace === 1 };
}

function passesOf({ width, height, depth, count, isInterlaced }) {
  const passes = (isInterlaced ? INTERLACED : WHOLE).map(([x, y, across, down]) => {
    const [columns, rows] = [Math.ceil((width - x) / across), Math.ceil((height - y) / down)];
    return { x, y, across, down, width: columns, height: rows, stride: Math.ceil((columns * count * depth) / 8) };
  });
  return passes.filter((pass) => pass.width > 0 && pass.height > 0);
}

/** So many unpacked bytes; what follows them is not looked at. */
async function inflated(parts, length) {
  const bytes = new Uint8Array(length);
  const reader = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  let at = 0;
  while (at < length) {
    const { done, value } = await reader.read().catch(() => {
      throw damaged("its pixels cannot be unpacked");
    });
    if (done) throw damaged("it ends early");
    bytes.set(value.subarray(0, length - at), at);
    at += value.length;
  }
  reader.cancel().catch(() => {});
  return bytes;
}

/**
 * What the samples of a pixel mean: how many are kept of each, and a function that writes them.
 *
 * @returns {{channels: 1|3, write: (raw: Uint16Array, from: number, samples: Uint8Array, to: number) => void}}
 */
function coloursOf({ type, depth }, { PLTE: palette, tRNS: clear }) {
  if (type === PALETTE) return { channels: 3, write: fromPalette(palette, clear) };
  const [largest, factor] = depth === 16 ? [65535, 1] : [255, 255 / (2 ** depth - 1)];
  if (type === GREY_ALPHA) return { channels: 1, write: overBlack(1, largest) };
  if (type === COLOUR_ALPHA) return { channels: 3, write: overBlack(3, largest) };
  const channels = type === 0 ? 1 : 3;
  return { channels, write: opaque(channels, factor, clear && clearColour(clear, channels, depth)) };
}

function fromPalette(palette, clear = []) {
  if (!palette) throw damaged("its palette is missing");
  // More alphas than colours mean nothing.
  const alphas = clear.length > palette.length / 3 ? [] : clear;
  return (raw, from, samples, to) => {
    const [colour, alpha] = [3 * raw[from], alphas[raw[from]] ?? 255];
    for (let c = 0; c < 3; c++) samples[to + c] = times(palette[colour + c] ?? 0, alpha, 255);
  };
}

/** Transparency is over black, the background of a scan. */
function overBlack(channels, largest) {
  return (raw, from, samples, to) => {
    for (let c = 0; c < channels; c++) samples[to + c] = times(raw[from + c], raw[from + channels], largest);
  };
}

const times = (value, alpha, largest) => Math.trunc((value * alpha + (largest - 1) / 2) / largest);

/** Pixels of one colour may be clear, and are black then. */
function opaque(channels, factor, clear) {
  const isClear = (raw, from) => clear && clear.every((value, c) => raw[from + c] === value);
  return (raw, from, samples, to) => {
    if (isClear(raw, from)) return;
    for (let c = 0; c < channels; c++) samples[to + c] = raw[from + c] * factor;
  };
}

function clearColour(content, channels, depth) {
  if (content.length < 2 * channels) throw damaged("its transparent colour is cut");
  const values = Array.from({ length: channels }, (_, c) => viewOf(content).getUint16(2 * c));
  return depth === 16 ? values : values.map((value) => value & 255);
}

function scanOf(header, passes, rows, { channels, write }) {
  const { width, height, depth, count } = header;
  const samples = new (depth === 16 ? Uint16Array : Uint8Array)(width * height * channels);
  const step = Math.max(1, (count * depth) >> 3);
  let start = 0;
  for (const pass of passes) {
    const raw = new Uint16Array(pass.width * count);
    let above = new Uint8Array(pass.stride);
    for (let y = 0; y < pass.height; y++) {
      const row = rows.subarray(start + 1, start + 1 + pass.stride);
      unfilter(rows[start], row, above, step);
      unpack(row, depth, raw);
      const first = (pass.y + y * pass.down) * width + pass.x;
      for (let x = 0; x < pass.width; x++) write(raw, x * count, samples, channels * (first + x * pass.across));
      above = row;
      start += 1 + pass.stride;
    }
  }
  return new Scan(width, height, channels, samples);
}

/** The filters of PNG, section 9 of its specification, undone in place. */
function unfilter(filter, row, above, step) {
  if (filter === 0) return;
  if (filter > 4) throw damaged("a row has an unknown filter");
  for (let at = 0; at < row.length; at++) {
    const left = at >= step ? row[at - step] : 0;
    const corner = at >= step ? above[at - step] : 0;
    row[at] += predicted(filter, left, above[at], corner);
  }
}

function predicted(filter, left, up, corner) {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

/** The samples of a row as numbers. */
function unpack(row, depth, raw) {
  if (depth === 8) return raw.set(row);
  if (depth === 16) {
    for (let at = 0; at < raw.length; at++) raw[at] = (row[2 * at] << 8) | row[2 * at + 1];
    return undefined;
  }
  const [perByte, mask] = [8 / depth, 2 ** depth - 1];
  for (let at = 0; at < raw.length; at++) {
    const shift = 8 - depth * (1 + (at % perByte));
    raw[at] = (row[Math.trunc(at / perByte)] >> shift) & mask;
  }
  return undefined;
}

/**
 * A picture of 8 bits as PNG.
 *
 * @param {Uint8Array} samples row-major
 * @param {1|3} channels
 * @returns {Promise<Blob>}
 */
export async function encodePng(samples, width, height, channels) {
  const stride = width * channels;
  const rows = new Uint8Array(height * (1 + stride));
  for (let y = 0; y < height; y++) rows.set(samples.subarray(y * stride, (y + 1) * stride), y * (1 + stride) + 1);
  const packing = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(packing).arrayBuffer());
  const header = new Uint8Array(13);
  viewOf(header).setUint32(0, width);
  viewOf(header).setUint32(4, height);
  header.set([8, channels === 1 ? 0 : 2], 8);
  const parts = [chunk("IHDR", header), chunk("IDAT", packed), chunk("IEND", new Uint8Array())];
  return new Blob([new Uint8Array(SIGNATURE), ...parts], { type: "image/png" });
}

function chunk(kind, content) {
  const bytes = new Uint8Array(12 + content.length);
  viewOf(bytes).setUint32(0, content.length);
  bytes.set(
    [...kind].map((letter) => letter.charCodeAt(0)),
    4,
  );
  bytes.set(content, 8);
  viewOf(bytes).setUint32(8 + content.length, crc32(bytes.subarray(4, 8 + content.length)));
  return bytes;
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) crc = CRC[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
