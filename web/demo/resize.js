// Scaling by a triangle filter as wide as the reduction, as the `image` crate does it: rows first, then columns, with
// weights in f32, since in long sides their rounding moves pixels.

const { fround } = Math;

/**
 * Where each pixel of a side comes from: its first source and the weights of as many sources as it has.
 *
 * @returns {{first: number, weights: number[]}[]}
 */
function sourcesOf(from, to) {
  const ratio = fround(from / to);
  const reach = Math.max(1, ratio);
  return Array.from({ length: to }, (_, at) => sourceOf(fround(fround(at + 0.5) * ratio), reach, from));
}

function sourceOf(middle, reach, from) {
  const first = clamp(Math.floor(fround(middle - reach)), 0, from - 1);
  const end = clamp(Math.ceil(fround(middle + reach)), first + 1, from);
  // Pixels lie at their middles.
  const centre = fround(middle - 0.5);
  const weights = [];
  let sum = 0;
  for (let at = first; at < end; at++) {
    const weight = triangle(fround(fround(at - centre) / reach));
    weights.push(weight);
    sum = fround(sum + weight);
  }
  return { first, weights: weights.map((weight) => fround(weight / sum)) };
}

const triangle = (x) => (Math.abs(x) < 1 ? fround(1 - Math.abs(x)) : 0);

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/**
 * A plane of numbers at another size; one of the right size is not touched.
 *
 * @param {Float32Array} values row-major
 */
export function resized(values, [width, height], [newWidth, newHeight]) {
  if (width === newWidth && height === newHeight) return values;
  return across(down(values, width, sourcesOf(height, newHeight)), width, sourcesOf(width, newWidth));
}

function down(values, width, sources) {
  const scaled = new Float32Array(width * sources.length);
  const sums = new Float64Array(width);
  sources.forEach(({ first, weights }, row) => {
    sums.fill(0);
    weights.forEach((weight, tap) => {
      const start = (first + tap) * width;
      for (let x = 0; x < width; x++) sums[x] += weight * values[start + x];
    });
    scaled.set(sums, row * width);
  });
  return scaled;
}

function across(values, width, sources) {
  const [height, newWidth] = [values.length / width, sources.length];
  const scaled = new Float32Array(height * newWidth);
  sources.forEach(({ first, weights }, x) => {
    for (let y = 0; y < height; y++) {
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap++) sum += weights[tap] * values[y * width + first + tap];
      scaled[y * newWidth + x] = sum;
    }
  });
  return scaled;
}
