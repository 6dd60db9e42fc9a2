// Whether a scan is plainly not what the model was made for, as `src/model/gate.rs` and `src/imaging/measure.rs`.
// A network gives some label to any picture: outside of the card's limits there is none, and warnings say why.

import { Refused } from "./scan.js";
import { channelCount } from "./prepare.js";

/** Pixels above this part of the largest value count as foreground. */
const FOREGROUND = Math.fround(0.1);
/** The side of the blocks whose means are a prepared input's thumbnail. */
const BLOCK = 16;

/** What a scan looks like before any network has seen it. */
export function measure(scan) {
  return { colour: colour(scan), foreground: foreground(scan), aspect: scan.width / scan.height };
}

/** Mean over the pixels of largest less smallest channel, as a part of the type's largest value; 0 for grey. */
function colour(scan) {
  if (!scan.isColour) return 0;
  const { samples, width, height, maximum } = scan;
  let spread = 0;
  for (let at = 0; at < samples.length; at += 3) {
    const [red, green, blue] = [samples[at], samples[at + 1], samples[at + 2]];
    spread += Math.max(red, green, blue) - Math.min(red, green, blue);
  }
  return spread / (width * height) / maximum;
}

function foreground(scan) {
  const grey = scan.grey();
  const most = grey.reduce((largest, value) => Math.max(largest, value), 0);
  const threshold = Math.fround(FOREGROUND * most);
  return grey.reduce((count, value) => count + (value > threshold), 0) / grey.length;
}

/**
 * What is wrong with a scan; nothing when it passes.
 *
 * @param {object} card
 * @param {{colour: number, foreground: number, aspect: number}} measures
 * @param {Float32Array} prepared the network's input
 * @param {?Float32Array} features the network's pooled features, where it gives them
 * @returns {{code: string, text: string}[]}
 */
export function judge(card, measures, prepared, features) {
  const { gate = {}, input } = card;
  const warnings = measured(gate, measures);
  if (gate.thumbnail) warnings.push(...unlike(gate.thumbnail, "appearance", blockMeans(input, prepared)));
  if (gate.features) {
    if (!features) throw new Refused("The card has limits for the network's features, and the network gave none.");
    warnings.push(...unlike(gate.features, "features", features));
  }
  return warnings;
}

/** Warnings that need no network. */
function measured(gate, { colour, foreground, aspect }) {
  const percent = Math.round(100 * foreground);
  const isOff = exceeds(gate.min_aspect, aspect) || exceeds(aspect, gate.max_aspect);
  return [
    exceeds(colour, gate.max_colour) && {
      code: "colour",
      text: "The picture is coloured; the model was made for grey scans.",
    },
    exceeds(gate.min_foreground, foreground) && {
      code: "blank",
      text: `Only ${percent} % of the picture is brighter than its background; the model was made for slices that show more of the brain.`,
    },
    exceeds(foreground, gate.max_foreground) && {
      code: "foreground",
      text: `${percent} % of the picture is bright; the model was made for slices with a dark background around the brain.`,
    },
    isOff && {
      code: "proportions",
      text: `The picture is ${decimal(aspect, 2)} times as wide as it is high, which no slice that the model was made for is.`,
    },
  ].filter(Boolean);
}

/** Whether a value is above a limit, where both are given; a value that is no number is. */
function exceeds(value, limit) {
  return value !== undefined && limit !== undefined && (value > limit || Number.isNaN(value));
}

/** As the program prints it: what lies in the middle goes to the even digit. */
export function decimal(value, digits) {
  const isMiddle = Math.abs((value * 2 ** (digits + 1)) % 2) === 1;
  const unit = 10 ** digits;
  const even = 2 * Math.round((value * unit) / 2);
  return (isMiddle ? even / unit : value).toFixed(digits);
}

function unlike(subspace, code, values) {
  const found = distance(subspace, values);
  if (!exceeds(found, subspace.limit)) return [];
  const far = `distance ${decimal(found, 1)}, at most ${decimal(subspace.limit, 1)} expected`;
  return [{ code, text: `The picture does not look like the slices that the model was made for (${far}).` }];
}

/**
 * The distance from the mean: with z the coordinates along the basis in standard deviations, r what they do not explain
 * and k their number, `sqrt((|z|² + |r|² / residual_scale²) / (k + 1))`.
 */
export function distance({ mean, basis, residual_scale: scale }, values) {
  if (values.length !== mean.length) {
    throw new Refused(`The network gave ${values.length} numbers where the card's gate has ${mean.length}.`);
  }
  const centred = Array.from(values, (value, at) => value - mean[at]);
  const rest = [...centred];
  let inside = 0;
  for (const row of basis) {
    // A row is an eigenvector over its standard deviation: its length is 1 / deviation.
    const z = dot(row, centred);
    inside += z * z;
    const along = z / dot(row, row);
    row.forEach((value, at) => (rest[at] -= along * value));
  }
  const outside = dot(rest, rest) / (scale * scale);
  return Math.sqrt((inside + outside) / (basis.length + 1));
}

const dot = (a, b) => a.reduce((sum, value, at) => sum + value * b[at], 0);

/** The means of a prepared input over blocks of 16 x 16, channel by channel, row by row. */
function blockMeans(input, prepared) {
  const [rows, columns] = [(channelCount(input) * input.height) / BLOCK, input.width / BLOCK];
  const sums = new Float64Array(rows * columns);
  prepared.forEach((value, at) => {
    const [y, x] = [Math.trunc(at / input.width), at % input.width];
    sums[Math.trunc(y / BLOCK) * columns + Math.trunc(x / BLOCK)] += value;
  });
  return sums.map((sum) => sum / (BLOCK * BLOCK));
}
