// A decoded picture: its samples as the file stored them, and nothing that tells whose scan it is.
// As `src/imaging/scan.rs`.

/** Rec. 601, in the f32 that the program computes in, so that both find the same pixels above a limit. */
const [RED, GREEN, BLUE] = [0.299, 0.587, 0.114].map(Math.fround);

/** Why a file cannot be read or answered, and what would work: a sentence for people. */
export class Refused extends Error {
  name = "Refused";
}

/** What went wrong, in words: what there is no memory for, browsers tell by their own names of it. */
export function worded(fault) {
  return fault instanceof RangeError
    ? "There is not enough memory for a picture of this size. Scale it down."
    : fault.message;
}

/** Beyond these a picture is refused by its header, before a pixel of it is decoded. */
const MAX_SIDE = 16_384;
const MAX_MEGAPIXELS = 64;

/** Holds the size that a header declares to the limits. */
export function checkSize(width, height) {
  const size = `${width}x${height} pixels`;
  if (width === 0 || height === 0) throw new Refused(`The image is empty (${size}); export it again.`);
  if (Math.max(width, height) <= MAX_SIDE && width * height <= MAX_MEGAPIXELS * 2 ** 20) return;
  const most = `at most ${MAX_SIDE} pixels a side and ${MAX_MEGAPIXELS} megapixels are read`;
  throw new Refused(`The image is too large (${size}): ${most}. Scale it down.`);
}

/** One slice: row-major, top row first, channels interleaved. Colour has at least one pixel that is not grey. */
export class Scan {
  /**
   * @param {number} width
   * @param {number} height
   * @param {1|3} channels
   * @param {Uint8Array|Uint16Array} samples `width * height * channels` of them
   */
  constructor(width, height, channels, samples) {
    const isColour = channels === 3 && !isGrey(samples);
    Object.assign(this, { width, height, channels: isColour ? 3 : 1 });
    this.samples = channels === 3 && !isColour ? everyThird(samples, 0) : samples;
  }

  get isColour() {
    return this.channels === 3;
  }

  /** The largest value that a sample can have. */
  get maximum() {
    return this.samples.BYTES_PER_ELEMENT === 1 ? 255 : 65535;
  }

  /** Grey values in the stored units; colour becomes luma. */
  grey() {
    if (!this.isColour) return new Float32Array(this.samples);
    const { samples } = this;
    const values = new Float32Array(this.width * this.height);
    for (let at = 0, from = 0; at < values.length; at++, from += 3) {
      values[at] = luma(samples[from], samples[from + 1], samples[from + 2]);
    }
    return values;
  }

  /** The values of one channel of three. */
  channel(number) {
    return new Float32Array(everyThird(this.samples, number));
  }
}

function luma(red, green, blue) {
  // A grey pixel keeps its exact value.
  if (red === green && red === blue) return red;
  const two = Math.fround(Math.fround(RED * red) + Math.fround(GREEN * green));
  return Math.fround(two + Math.fround(BLUE * blue));
}

function isGrey(samples) {
  for (let at = 0; at < samples.length; at += 3) {
    if (samples[at] !== samples[at + 1] || samples[at + 1] !== samples[at + 2]) return false;
  }
  return true;
}

function everyThird(samples, first) {
  const kept = new samples.constructor(samples.length / 3);
  for (let at = 0; at < kept.length; at++) kept[at] = samples[3 * at + first];
  return kept;
}
