// Intensities over the head, in which scanners differ: mean and deviation of each channel, of a lone slice. As
// `src/model/head.rs`.

/** The bright end: this part of the pixels above zero is no brighter. Vessels and fat are beyond it. */
const BRIGHT = 99.5 / 100;
/** Pixels above this part of the bright end are head; air and noise are below it. */
const HEAD_FRACTION = 0.2;

/**
 * The level of each plane over the head; of what is black throughout, mean 0 and deviation 1.
 *
 * @param {Float32Array[]} planes one for each channel of the network's input
 * @returns {{mean: number, deviation: number}[]}
 */
export function levelsOf(planes) {
  const brightness = brightnessOf(planes);
  const threshold = HEAD_FRACTION * brightEnd(brightness);
  return planes.map((plane) => levelOf(plane, brightness, threshold));
}

/** The sum of each pixel's channels, rounded. */
function brightnessOf(planes) {
  const sums = new Float64Array(planes[0].length);
  for (const plane of planes) {
    for (let at = 0; at < sums.length; at++) sums[at] += plane[at];
  }
  for (let at = 0; at < sums.length; at++) sums[at] = Math.round(sums[at]);
  return sums;
}

/** The smallest brightness that {@link BRIGHT} of the pixels above zero do not exceed. */
function brightEnd(brightness) {
  const counts = new Float64Array(3 * 65535 + 1);
  for (let at = 0; at < brightness.length; at++) counts[brightness[at]]++;
  const wanted = BRIGHT * (brightness.length - counts[0]);
  let passed = 0;
  for (let value = 1; value < counts.length; value++) {
    passed += counts[value];
    if (passed >= wanted && passed > 0) return value;
  }
  return 0;
}

function levelOf(plane, brightness, threshold) {
  let [pixels, sum, squares] = [0, 0, 0];
  for (let at = 0; at < plane.length; at++) {
    if (brightness[at] <= threshold) continue;
    pixels++;
    sum += plane[at];
    squares += plane[at] * plane[at];
  }
  if (pixels === 0) return { mean: 0, deviation: 1 };
  const mean = sum / pixels;
  const variance = Math.max(squares / pixels - mean * mean, 0);
  // A flat head has no contrast to scale.
  return { mean, deviation: variance > 0 ? Math.sqrt(variance) : 1 };
}
