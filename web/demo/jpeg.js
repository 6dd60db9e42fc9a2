// JPEG, baseline and progressive, read without the browser: browsers round as they like, and fill what is missing of a
// cut file with grey, which a network would take for tissue. Numbers are those of the program's own decoder.

import { JpegBits } from "./jpeg-bits.js";
import { invert, pixelsOf } from "./jpeg-pixels.js";
import { orientationOf, turned } from "./orientation.js";
import { Refused, Scan, checkSize } from "./scan.js";

/** The order in which a block's coefficients are stored. */
const ZIGZAG = [
  0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47,
  55, 62, 63,
];
/** No camera writes more; each may take as long as the whole picture. */
const MOST_SCANS = 100;
const [END, SCAN, TABLES, CODES, RESTARTS, EXIF, ADOBE] = [0xd9, 0xda, 0xdb, 0xc4, 0xdd, 0xe1, 0xee];
/** Frames that are read: baseline, extended, progressive; and those of other methods. */
const FRAMES = [0xc0, 0xc1, 0xc2];
const OTHER_FRAMES = [0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];

export const isJpeg = (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;

const damaged = (detail) => new Refused(`Damaged JPEG image (${detail}); export or copy it again.`);
const cut = () => damaged("it ends early");
const unsupported = (detail) => new Refused(`This kind of JPEG is not read (${detail}); save it as PNG.`);

/**
 * @param {Uint8Array} bytes
 * @returns {Scan}
 */
export function decodeJpeg(bytes) {
  const picture = new Picture(bytes);
  picture.read();
  const { width, height } = picture.frame;
  const scan = new Scan(width, height, picture.channels, pixelsOf(picture.frame, picture.isRgb));
  return turned(scan, picture.orientation);
}

/** A file while it is read. */
class Picture {
  constructor(bytes) {
    Object.assign(this, { bytes, frame: null, orientation: 1, restarts: 0, scans: 0, adobe: null });
    this.tables = [];
    /** By class, 0 for the means of blocks and 1 for the rest, and number. */
    this.codes = [[], []];
  }

  get channels() {
    return this.frame.components.length;
  }

  /** Whether channels are colours as they are; else they are luma and two differences. */
  get isRgb() {
    const names = String.fromCharCode(...this.frame.components.map(({ id }) => id));
    return this.adobe === 0 || names === "RGB";
  }

  read() {
    let at = 2;
    for (;;) {
      const marker = this.#marker(at);
      if (marker.kind === END) break;
      at = this.#segment(marker.kind, marker.at);
    }
    const isWhole = this.frame?.components.every((component) => component.quantities);
    if (!isWhole) throw cut();
    if (this.frame.isProgressive) this.frame.components.forEach(invertAll);
  }

  /** The next marker and where what follows it begins; bytes between segments are passed over. */
  #marker(at) {
    const { bytes } = this;
    while (at + 1 < bytes.length && !(bytes[at] === 0xff && bytes[at + 1] !== 0 && bytes[at + 1] !== 0xff)) at++;
    if (at + 1 >= bytes.length) throw cut();
    return { kind: bytes[at + 1], at: at + 2 };
  }

  /** Reads a segment, and returns where it ends. */
  #segment(kind, at) {
    const isAlone = kind === 0x01 || (kind >= 0xd0 && kind <= 0xd8);
    if (isAlone) return at;
    const end = at + this.#word(at);
    if (!(end >= at + 2 && end <= this.bytes.length)) throw cut();
    const content = this.bytes.subarray(at + 2, end);
    if (kind === SCAN) return this.#scan(content, end);
    if (FRAMES.includes(kind)) this.#frame(content, kind === 0xc2);
    if (OTHER_FRAMES.includes(kind)) throw unsupported("its method of compression is rare");
    if (kind === TABLES) this.#tables(content);
    if (kind === CODES) this.#codes(content);
    if (kind === RESTARTS) this.restarts = this.#word(at + 2);
    if (kind === EXIF && startsWith(content, "Exif\0\0")) this.orientation = orientationOf(content.subarray(6));
    if (kind === ADOBE && startsWith(content, "Adobe")) this.adobe = content[11];
    return end;
  }

  #word(at) {
    return (this.bytes[at] << 8) | this.bytes[at + 1];
  }

  #frame(content, isProgressive) {
    if (this.frame) throw damaged("it has two headers");
    const [precision, h1, h0, w1, w0, count] = content;
    const [width, height] = [(w1 << 8) | w0, (h1 << 8) | h0];
    if (!(content.length >= 6 + 3 * count)) throw cut();
    checkSize(width, height);
    if (precision !== 8) throw unsupported(`it has ${precision} bits a sample`);
    if (count !== 1 && count !== 3) throw unsupported(`it has ${count} channels`);
    const components = Array.from({ length: count }, (_, at) => componentOf(content.subarray(6 + 3 * at, 9 + 3 * at)));
    this.frame = { width, height, isProgressive, components };
    layOut(this.frame);
  }

  #tables(content) {
    for (let at = 0; at < content.length;) {
      const [isWide, number] = [content[at] >> 4, content[at] & 3];
      const table = new Int32Array(64);
      const start = at + 1;
      at = start + (isWide ? 128 : 64);
      if (at > content.length) throw cut();
      ZIGZAG.forEach((place, n) => {
        table[place] = isWide ? (content[start + 2 * n] << 8) | content[start + 2 * n + 1] : content[start + n];
      });
      this.tables[number] = table;
    }
  }

  #codes(content) {
    for (let at = 0; at < content.length;) {
      const [group, number] = [content[at] >> 4, content[at] & 3];
      const counts = content.subarray(at + 1, at + 17);
      const symbols = counts.reduce((sum, count) => sum + count, 0);
      const end = at + 17 + symbols;
      if (group > 1 || end > content.length) throw damaged("its codes mean nothing");
      this.codes[group][number] = JpegBits.codes(counts, content.subarray(at + 17, end));
      at = end;
    }
  }

  /** Decodes a scan, and returns where its data end. */
  #scan(content, at) {
    const { frame } = this;
    if (!frame || content.length < 4 || content.length < 4 + 2 * content[0]) throw cut();
    if (++this.scans > MOST_SCANS) throw damaged("it has too many scans");
    const parts = Array.from({ length: content[0] }, (_, n) => this.#part(content[1 + 2 * n], content[2 + 2 * n]));
    const [first, last, approximation] = content.subarray(1 + 2 * content[0]);
    const bits = new JpegBits(this.bytes, at, cut);
    const range = { first, last: Math.min(last, 63), high: approximation >> 4, low: approximation & 15, run: 0 };
    const decode = frame.isProgressive ? progressive(range, parts.length) : baseline;
    let left = this.restarts || Infinity;
    for (const unit of unitsOf(frame, parts)) {
      if (left === 0) {
        bits.restart();
        for (const part of parts) part.component.mean = 0;
        Object.assign(range, { run: 0 });
        left = this.restarts;
      }
      for (const [part, number] of unit) decode(bits, part, number, range);
      left--;
    }
    return bits.at;
  }

  /** A component with the codes that this scan uses for it. */
  #part(id, numbers) {
    const component = this.frame.components.find((one) => one.id === id);
    if (!component) throw damaged("a scan is of a channel that there is not");
    component.mean = 0;
    component.quantities ??= this.tables[component.table];
    if (!component.quantities) throw damaged("a table is missing");
    return { component, means: this.codes[0][numbers >> 4], rest: this.codes[1][numbers & 15] };
  }
}

function startsWith(bytes, text) {
  return [...text].every((letter, at) => bytes[at] === letter.charCodeAt(0));
}

function componentOf([id, factors, table]) {
  const [across, down] = [factors >> 4, factors & 15];
  if (![1, 2, 4].includes(across) || ![1, 2, 3, 4].includes(down)) throw damaged("its channels have no size");
  return { id, across, down, table: table & 3, mean: 0, quantities: null };
}

/** Gives each component its blocks, as many as whole units of all components need. */
function layOut(frame) {
  const { width, height, components, isProgressive } = frame;
  // A channel that is alone is stored as it is.
  if (components.length === 1) Object.assign(components[0], { across: 1, down: 1 });
  frame.across = Math.max(...components.map((one) => one.across));
  frame.down = Math.max(...components.map((one) => one.down));
  frame.units = [Math.ceil(width / (8 * frame.across)), Math.ceil(height / (8 * frame.down))];
  for (const one of components) {
    one.columns = frame.units[0] * one.across;
    one.rows = frame.units[1] * one.down;
    one.plane = new Uint8ClampedArray(64 * one.columns * one.rows);
    if (isProgressive) one.coefficients = new Int16Array(64 * one.columns * one.rows);
  }
}

/** The units of a scan in its order, after each of which it may start anew: their blocks, each with its part. */
function* unitsOf(frame, parts) {
  if (parts.length === 1) return yield* blocksAlone(frame, parts[0]);
  const [across, down] = frame.units;
  for (let unit = 0; unit < across * down; unit++) {
    yield parts.flatMap((part) => blocksAt(part, unit % across, Math.trunc(unit / across)));
  }
  return undefined;
}

/** A channel that is alone in its scan has no blocks beyond its own edge. */
function* blocksAlone(frame, part) {
  const { across, down, columns } = part.component;
  const right = Math.ceil((frame.width * across) / (8 * frame.across));
  const bottom = Math.ceil((frame.height * down) / (8 * frame.down));
  for (let y = 0; y < bottom; y++) {
    for (let x = 0; x < right; x++) yield [[part, y * columns + x]];
  }
}

function blocksAt(part, x, y) {
  const { across, down, columns } = part.component;
  const first = y * down * columns + x * across;
  return Array.from({ length: across * down }, (_, n) => [
    part,
    first + Math.trunc(n / across) * columns + (n % across),
  ]);
}

const block = new Int32Array(64);

/** Decodes a whole block to its pixels. */
function baseline(bits, { component, means, rest }, number) {
  block.fill(0);
  component.mean += bits.signed(bits.symbol(means));
  block[0] = component.mean;
  for (let at = 1; at < 64; at++) {
    const symbol = bits.symbol(rest);
    const [zeros, size] = [symbol >> 4, symbol & 15];
    if (size === 0 && zeros < 15) break;
    at += zeros;
    if (size > 0) block[placeOf(at)] = bits.signed(size);
  }
  invert(block, 0, component, number);
}

function placeOf(at) {
  if (at > 63) throw damaged("a block has too many numbers");
  return ZIGZAG[at];
}

/** How a scan adds to coefficients that are there already: first values, or one bit more of each. */
function progressive({ first, high }, parts) {
  if (first === 0) return high === 0 ? firstMean : refinedMean;
  if (parts !== 1) throw damaged("a scan mixes channels");
  return high === 0 ? firstRest : refinedRest;
}

function firstMean(bits, { component, means }, number, { low }) {
  component.mean += bits.signed(bits.symbol(means));
  component.coefficients[64 * number] = component.mean << low;
}

function refinedMean(bits, { component }, number, { low }) {
  component.coefficients[64 * number] |= bits.take(1) << low;
}

function firstRest(bits, { component, rest }, number, range) {
  if (range.run > 0) {
    range.run--;
    return;
  }
  for (let at = range.first; at <= range.last; at++) {
    const symbol = bits.symbol(rest);
    const [zeros, size] = [symbol >> 4, symbol & 15];
    if (size === 0 && zeros < 15) {
      range.run = (1 << zeros) - 1 + bits.take(zeros);
      return;
    }
    at += zeros;
    if (size > 0) component.coefficients[64 * number + placeOf(at)] = bits.signed(size) << range.low;
  }
}

/** Section G.1.2.3 of the standard: new ones among zeros, and a bit more for those that are none. */
function refinedRest(bits, { component: { coefficients }, rest }, number, range) {
  const bit = 1 << range.low;
  let at = range.first;
  if (range.run === 0) {
    for (; at <= range.last; at++) {
      const symbol = bits.symbol(rest);
      const [zeros, size] = [symbol >> 4, symbol & 15];
      if (size === 0 && zeros < 15) {
        range.run = (1 << zeros) + bits.take(zeros);
        break;
      }
      const value = size > 0 ? (bits.take(1) ? bit : -bit) : 0;
      at = passZeros(bits, coefficients, 64 * number, at, range.last, zeros, bit);
      if (value !== 0) coefficients[64 * number + placeOf(at)] = value;
    }
  }
  if (range.run > 0) {
    passZeros(bits, coefficients, 64 * number, at, range.last, Infinity, bit);
    range.run--;
  }
}

/** Goes on to the zero after so many others, and refines what is met on the way. */
function passZeros(bits, coefficients, start, from, last, zeros, bit) {
  let left = zeros;
  for (let at = from; at <= last; at++) {
    const place = start + ZIGZAG[at];
    const value = coefficients[place];
    if (value === 0) {
      if (left-- === 0) return at;
    } else if (bits.take(1) && !(value & bit)) {
      coefficients[place] += value > 0 ? bit : -bit;
    }
  }
  return last + 1;
}

function invertAll(component) {
  const { columns, rows, coefficients } = component;
  for (let number = 0; number < columns * rows; number++) invert(coefficients, 64 * number, component, number);
}
