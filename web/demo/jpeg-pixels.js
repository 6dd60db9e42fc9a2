// From the coefficients of a JPEG to pixels, in whole numbers and in the steps of the program's decoder.

/** Multiples of a 4096th. */
const SCALE = 4096;
/** After the columns two bits more are kept than in the pixels. */
const COLUMNS = { bias: 512, shift: 10 };
/** Half a unit, and the middle of the range, which is stored as 0. */
const ROWS = { bias: 512 + 65536 + (128 << 17), shift: 17 };

const work = new Float64Array(64);

/** The inverse cosine transform of a block, to where its pixels lie in the component's plane. */
export function invert(coefficients, start, { quantities, plane, columns }, number) {
  for (let at = 0; at < 64; at++) work[at] = coefficients[start + at] * quantities[at];
  for (let x = 0; x < 8; x++) transform(x, 8, COLUMNS);
  for (let y = 0; y < 64; y += 8) transform(y, 1, ROWS);
  const stride = 8 * columns;
  const corner = Math.trunc(number / columns) * 8 * stride + (number % columns) * 8;
  for (let at = 0; at < 64; at++) plane[corner + (at >> 3) * stride + (at & 7)] = work[at];
}

/** Eight numbers, each `step` after the other, in place: Loeffler, Ligtenberg and Moschytz's way. */
function transform(at, step, { bias, shift }) {
  const [a, b, c, d] = [work[at], work[at + step], work[at + 2 * step], work[at + 3 * step]];
  const [e, f, g, h] = [work[at + 4 * step], work[at + 5 * step], work[at + 6 * step], work[at + 7 * step]];
  const turn = (c + g) * 2217;
  const [low, high] = [turn + g * -7567, turn + c * 3135];
  const [sum, difference] = [(a + e) * SCALE + bias, (a - e) * SCALE + bias];
  const [even0, even3, even1, even2] = [sum + high, sum - high, difference + low, difference - low];
  const all = (h + d + f + b) * 4816;
  const [hb, fd] = [all + (h + b) * -3685, all + (f + d) * -10497];
  const [hd, fb] = [(h + d) * -8034, (f + b) * -1597];
  const odd0 = b * 6149 + hb + fb;
  const odd1 = d * 12586 + fd + hd;
  const odd2 = f * 8410 + fd + fb;
  const odd3 = h * 1223 + hb + hd;
  work[at] = (even0 + odd0) >> shift;
  work[at + step] = (even1 + odd1) >> shift;
  work[at + 2 * step] = (even2 + odd2) >> shift;
  work[at + 3 * step] = (even3 + odd3) >> shift;
  work[at + 4 * step] = (even3 - odd3) >> shift;
  work[at + 5 * step] = (even2 - odd2) >> shift;
  work[at + 6 * step] = (even1 - odd1) >> shift;
  work[at + 7 * step] = (even0 - odd0) >> shift;
}

/** The pixels of a frame, one sample or three each. */
export function pixelsOf(frame, isRgb) {
  const { width, height, components } = frame;
  const pixels = new Uint8ClampedArray(width * height * components.length);
  const rows = components.map((component) => new Enlarged(component, frame));
  const write = components.length === 1 ? copied(1) : isRgb ? copied(3) : coloured;
  for (let y = 0; y < height; y++) {
    const lines = rows.map((row) => row.line(y));
    write(lines, pixels, y * width * components.length, width);
  }
  return new Uint8Array(pixels.buffer);
}

function copied(channels) {
  return (lines, pixels, start, width) => {
    for (let c = 0; c < channels; c++) {
      for (let x = 0; x < width; x++) pixels[start + channels * x + c] = lines[c][x];
    }
  };
}

/** From luma and two differences, in 16384ths. */
function coloured([luma, blues, reds], pixels, start, width) {
  for (let x = 0, to = start; x < width; x++, to += 3) {
    const y = luma[x] * 16384 + 8191;
    const [blue, red] = [blues[x] - 128, reds[x] - 128];
    pixels[to] = (y + red * 22970) >> 14;
    pixels[to + 1] = (y - red * 11700 - blue * 5638) >> 14;
    pixels[to + 2] = (y + blue * 29032) >> 14;
  }
}

/** The rows of a component that may be stored smaller than the picture. */
class Enlarged {
  constructor({ plane, columns, rows, across, down }, frame) {
    Object.assign(this, { plane, width: 8 * columns, height: 8 * rows });
    [this.across, this.down] = [frame.across / across, frame.down / down];
    this.high = new Uint8Array(this.width);
    this.wide = new Uint8Array(this.width * Math.ceil(this.across));
  }

  line(y) {
    const { across, down } = this;
    if (across === 1 && down === 1) return this.#stored(y);
    // Other factors are rare, and enlarged by repetition.
    if (across > 2 || down > 2 || !Number.isInteger(down)) return this.#repeated(y);
    const line = down === 2 ? this.#between(y) : this.#stored(y);
    return across === 2 ? this.#widened(line) : line;
  }

  #stored(y) {
    const row = Math.min(Math.max(y, 0), this.height - 1);
    return this.plane.subarray(row * this.width, (row + 1) * this.width);
  }

  /** Three parts of the nearer row and one of the other. */
  #between(y) {
    const [near, far] = [this.#stored(y >> 1), this.#stored((y >> 1) + (y % 2 ? 1 : -1))];
    for (let x = 0; x < this.width; x++) this.high[x] = (3 * near[x] + far[x] + 2) >> 2;
    return this.high;
  }

  #widened(line) {
    const last = this.width - 1;
    for (let x = 0; x <= last; x++) {
      this.wide[2 * x] = x === 0 ? line[x] : (3 * line[x] + line[x - 1] + 2) >> 2;
      this.wide[2 * x + 1] = x === last ? line[x] : (3 * line[x] + line[x + 1] + 2) >> 2;
    }
    return this.wide;
  }

  #repeated(y) {
    const line = this.#stored(Math.trunc(y / this.down));
    for (let x = 0; x < this.wide.length; x++) this.wide[x] = line[Math.trunc(x / this.across)];
    return this.wide;
  }
}
