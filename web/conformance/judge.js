// Whether an answer is right, element by element: as `src/conformance/judge.rs`, with the bounds that the exporter worked out.

/**
 * Compares one output.
 *
 * @returns {?{error: number, bound: number, at: number, have: number, want: number}} the element nearest to its bound or
 *     furthest beyond it; `null` for an output without elements
 */
export function worstOf(want, have, bounds) {
  let worst = null;
  let most = -1;
  for (let at = 0; at < want.length; at++) {
    const error = difference(want[at], have[at]);
    const badness = ratio(error, bounds[at]);
    if (badness > most) {
      most = badness;
      worst = { error, bound: bounds[at], at, have: have[at], want: want[at] };
    }
  }
  return worst;
}

/** Equal infinities differ by no number, and neither do two values that are not numbers, nor zeros of either sign. */
function difference(want, have) {
  return want === have || (Number.isNaN(want) && Number.isNaN(have)) ? 0 : Math.abs(want - have);
}

/** An error in units of its bound: above 1 it is too large, and what is not a number is beyond every bound. */
export function ratio(error, bound) {
  if (Number.isNaN(error)) return Infinity;
  return error === 0 ? 0 : error / bound;
}

export const isBeyond = ({ error, bound }) => Number.isNaN(error) || error > bound;

/** The worse of two errors, by their bounds. */
export function worse(first, second) {
  if (!first || !second) return first ?? second;
  return ratio(second.error, second.bound) > ratio(first.error, first.bound) ? second : first;
}

/**
 * Compares all outputs of a run.
 *
 * @returns {{worst: ?object, fault: ?string, element: ?number}} the worst error of all, and what is wrong
 */
export function compare(wants, haves, bounds) {
  if (wants.length !== haves.length) return { worst: null, fault: `${haves.length} outputs instead of ${wants.length}` };
  const found = wants.map((want, at) => compareOne(want, haves[at], bounds[at]));
  const faults = found.flatMap(({ fault }, at) => (fault ? [`output ${at}, ${fault}`] : []));
  const worst = found.reduce((all, one) => worse(all, one.worst), null);
  return { worst, fault: faults.length ? faults.join("; ") : null, element: found.find((one) => one.fault)?.worst?.at };
}

function compareOne(want, have, bounds) {
  if (want.length !== have.length) return { worst: null, fault: `${have.length} elements instead of ${want.length}` };
  const worst = worstOf(want, have, bounds);
  if (!worst || !isBeyond(worst)) return { worst, fault: null };
  return { worst, fault: `element ${worst.at} is ${worst.have}, expected ${worst.want} within ${worst.bound.toExponential(2)}` };
}
