// An answer that is known beforehand: a GPU that gives another is asked nothing.

import { Refused } from "./scan.js";

/** What is nearer to zero than every normal f32 may be zero on a GPU. */
const SMALLEST = 2 ** -126;

/**
 * Holds a network's outputs for the known input to those of the program's CPU engine.
 *
 * @param {{outputs: {name: string, start: number, count: number}[], tolerance: number}} known as `model.json` has it
 * @param {Float32Array} numbers of its file
 * @param {Map<string, Float32Array>} found by the outputs' names
 * @param {string} device its name
 * @throws {Refused} where they differ by more than rounding gives
 */
export function holdTo({ outputs, tolerance }, numbers, found, device) {
  for (const { name, start, count } of outputs) {
    const fault = disagreement(numbers.subarray(start, start + count), found.get(name) ?? [], tolerance);
    if (fault) throw new Refused(refusal(device, `${fault} in the output '${name}'`));
  }
}

function refusal(device, fault) {
  const wrong = `This browser's GPU (${device}) computes this network wrong, so nothing is asked of it`;
  return `${wrong}: of an answer that is known it gave ${fault}. A newer browser or driver may compute it right.`;
}

/** What is wrong with an output, in words; null where it is right. */
function disagreement(wanted, found, tolerance) {
  if (wanted.length !== found.length) return `${found.length} numbers where ${wanted.length} are due`;
  const most = Math.max(tolerance * largest(wanted), SMALLEST);
  const at = wanted.findIndex((want, place) => !isNear(want, found[place], most));
  return at < 0 ? null : `${found[at]} where ${wanted[at]} is right, at place ${at}`;
}

const largest = (values) =>
  values.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 0);

/** As `agree_on` of `src/tuning/check.rs`. */
function isNear(want, found, most) {
  return want === found || (Number.isNaN(want) && Number.isNaN(found)) || Math.abs(want - found) <= most;
}
