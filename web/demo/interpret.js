// From the network's output to labels, probabilities and masks, as `src/model/interpret.rs`, `src/segment.rs` and
// `src/segment/mask.rs`.

import { withoutSpecks } from "./components.js";
import { restored, scaleOf } from "./prepare.js";
import { Refused } from "./scan.js";

const NO_PROBABILITIES = 'The card has activation "none", but the network did not give probabilities.';

/**
 * The most probable label, unless there is a warning, and all labels with their probabilities.
 *
 * @param {object} card
 * @param {Float32Array} row
 * @param {{code: string, text: string}[]} warnings of the gate
 */
export function classified(card, row, warnings) {
  const { labels, activation, temperature = 1 } = card.output;
  if (row.length !== labels.length) {
    throw new Refused(`The network gave ${row.length} numbers, the card has ${labels.length} labels.`);
  }
  refuseInfinite(row);
  const values = activation === "softmax" ? softmax(row, temperature) : givenProbabilities(row);
  // The first of equals.
  const best = labels[values.indexOf(Math.max(...values))];
  const probabilities = Object.fromEntries(labels.map((label, at) => [label, values[at]]));
  return { prediction: warnings.length ? null : best, probabilities, warnings };
}

function refuseInfinite(row) {
  const bad = row.find((value) => !Number.isFinite(value));
  if (bad !== undefined) throw new Refused(`The network gave ${bad}, which is no answer.`);
}

/** In f64, so that the largest logits do not overflow. */
function softmax(logits, temperature) {
  const scaled = Array.from(logits, (value) => value / temperature);
  const largest = Math.max(...scaled);
  const exponentials = scaled.map((value) => Math.exp(value - largest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

function givenProbabilities(row) {
  const values = Array.from(row);
  const sum = values.reduce((total, value) => total + value, 0);
  if (values.some((value) => value < 0) || Math.abs(sum - 1) > 1e-3) throw new Refused(NO_PROBABILITIES);
  return values;
}

/**
 * The mask of a scan on its own, at its own size.
 *
 * @param {object} card
 * @param {import("./scan.js").Scan} scan
 * @param {Float32Array} row
 * @param {{code: string, text: string}[]} warnings of the gate
 * @returns {{mask: Uint8Array, pixels: number, fraction: number, warnings: {code: string, text: string}[]}} the mask is
 *     1 where it is set
 */
export function segmented(card, scan, row, warnings) {
  const { input, output } = card;
  const probabilities = restored(input, pixelProbabilities(card, row), scan);
  const all = [...warnings, ...missingSequences(input, scan)];
  const mask = new Uint8Array(probabilities.map((p) => p > output.threshold));
  return finished({ mask, warnings: all }, card, scan);
}

function pixelProbabilities({ input, output }, row) {
  const wanted = input.height * input.width;
  if (row.length !== wanted) throw new Refused(`The network gave ${row.length} numbers, ${wanted} are due.`);
  refuseInfinite(row);
  if (output.activation === "sigmoid") return row.map((logit) => 1 / (1 + Math.exp(-logit)));
  if (row.some((value) => value < -1e-3 || value > 1.001)) throw new Refused(NO_PROBABILITIES);
  return row.map((value) => Math.min(Math.max(value, 0), 1));
}

function missingSequences({ sequences }, scan) {
  if (!sequences || scan.isColour) return [];
  const text = `The picture is grey: its values stand for all of ${sequences.join(", ")}, which the model was not made for.`;
  return [{ code: "missing_sequences", text }];
}

function finished({ mask, warnings }, card, scan) {
  const isWithheld = warnings.some(isForeign);
  const kept = isWithheld ? mask.fill(0) : large(mask, card, scan);
  const pixels = kept.reduce((sum, set) => sum + set, 0);
  const told = [...warnings, ...(isWithheld ? [WITHHELD] : []), ...aboutMask(kept, pixels, scan.width)];
  return { mask: kept, pixels, fraction: pixels / kept.length, warnings: told };
}

/** Features say how sure to be, not what a picture is: those of another scanner's heads lie far away too. */
const isForeign = ({ code }) => code !== "missing_sequences" && code !== "features";

const WITHHELD = { code: "withheld", text: "No mask was drawn: the scan is not what the model was made for." };

/** The mask without parts of fewer pixels than the card's smallest, which is in the network's. */
function large(mask, { input, output }, scan) {
  const smallest = output.smallest_component ?? 0;
  if (smallest <= 1) return mask;
  return withoutSpecks(mask, scan.width, Math.round(smallest * scaleOf(input, scan)));
}

function aboutMask(mask, pixels, width) {
  if (pixels === 0) return [{ code: "empty_mask", text: "Nothing was found in this slice." }];
  if (!touchesBorder(mask, width)) return [];
  return [
    {
      code: "touches_border",
      text: "The mask touches the border of the picture: what it marks may go on beyond.",
    },
  ];
}

function touchesBorder(mask, width) {
  const height = mask.length / width;
  return mask.some((set, at) => {
    const [x, y] = [at % width, Math.trunc(at / width)];
    return set && (x === 0 || y === 0 || x === width - 1 || y === height - 1);
  });
}
