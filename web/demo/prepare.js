// From a scan to the network's input, as `src/model/prepare.rs`; a slice on its own, with its own levels.

import { levelsOf } from "./levels.js";
import { percentileAboveZero } from "./percentile.js";
import { resized } from "./resize.js";

/** Standard deviations from the mean are held to this either way. */
const MAX_Z = 5;

/** Channels of the prepared input. */
export const channelCount = (input) => (input.channels === "rgb" ? 3 : 1);

/**
 * The network's input `[1, C, H, W]`.
 *
 * @param {object} input as on the card
 * @param {import("./scan.js").Scan} scan
 * @returns {Float32Array}
 */
export function prepare(input, scan) {
  const planes = planesOf(input, scan);
  const units = unitsOf(input, scan, planes);
  const size = input.height * input.width;
  const prepared = new Float32Array(planes.length * size);
  planes.forEach((plane, c) => {
    // Grey that stands for all channels is the same in each.
    if (c > 0 && plane === planes[0]) prepared.copyWithin(c * size, 0, size);
    else prepared.set(fitted(measured(plane, units[c]), units[c](0), scan, input), c * size);
  });
  return prepared;
}

/** A plane for each channel of the input, in the stored units; grey stands for all. */
function planesOf(input, scan) {
  const count = channelCount(input);
  if (count === 3 && scan.isColour) return [0, 1, 2].map((c) => scan.channel(c));
  return Array(count).fill(scan.grey());
}

/** How the stored values of each channel become the network's. */
function unitsOf(input, scan, planes) {
  if (input.intensity === "z-score") return levelsOf(planes).map(deviations);
  const isPercentile = input.intensity === "percentile";
  // Black throughout: whatever it is divided by, it stays black.
  const one = isPercentile ? (percentileAboveZero(distinct(planes), input.percentile) ?? 1) : scan.maximum;
  return planes.map(() => (value) => Math.min(Math.max(value / one, 0), 1));
}

const distinct = (planes) => [...new Set(planes)];

function deviations({ mean, deviation }) {
  return (value) => Math.min(Math.max((value - mean) / deviation, -MAX_Z), MAX_Z);
}

/** As `map`, which takes several times as long for the pixels of a photo. */
function measured(plane, unit) {
  const values = new Float32Array(plane.length);
  for (let at = 0; at < plane.length; at++) values[at] = unit(plane[at]);
  return values;
}

/** A plane at the input's size; `beyond` is the value of what lies beyond its edge. */
function fitted(values, beyond, { width, height }, input) {
  const inner = innerSize(input, width, height);
  return centred(resized(values, [width, height], inner), inner, beyond, input);
}

/** The size of a scan within the input, without padding: `[width, height]`. */
export function innerSize(input, width, height) {
  if (input.fit === "stretch") return [input.width, input.height];
  const factor = Math.min(input.width / width, input.height / height);
  const side = (length, limit) => Math.min(Math.max(Math.round(length * factor), 1), limit);
  return [side(width, input.width), side(height, input.height)];
}

/** In the middle of the input, half a pixel up and left where the rest is odd. */
function centred(values, [width, height], beyond, input) {
  const [left, top] = corner(input, [width, height]);
  const framed = new Float32Array(input.height * input.width).fill(beyond);
  for (let y = 0; y < height; y++) {
    framed.set(values.subarray(y * width, (y + 1) * width), (top + y) * input.width + left);
  }
  return framed;
}

function corner(input, [width, height]) {
  return [(input.width - width) >> 1, (input.height - height) >> 1];
}

/** The way back for a plane of the network's output: at the scan's own size, padding cut off. */
export function restored(input, plane, { width, height }) {
  const inner = innerSize(input, width, height);
  const [left, top] = corner(input, inner);
  const cut = new Float32Array(inner[0] * inner[1]);
  for (let y = 0; y < inner[1]; y++) {
    const start = (top + y) * input.width + left;
    cut.set(plane.subarray(start, start + inner[0]), y * inner[0]);
  }
  return resized(cut, inner, [width, height]);
}

/** How many of the scan's pixels one of the network's is. */
export function scaleOf(input, { width, height }) {
  const [innerWidth, innerHeight] = innerSize(input, width, height);
  return (width * height) / (innerWidth * innerHeight);
}
