// One value of many by its rank, without sorting them all: pictures have millions.

/**
 * The `q`-th percentile of all values above zero, interpolated as `numpy.percentile` does; null where none is.
 *
 * @param {Float32Array[]} planes values of less than 65,536
 */
export function percentileAboveZero(planes, q) {
  const lit = new Lit(planes);
  if (lit.count === 0) return null;
  const position = (q / 100) * (lit.count - 1);
  const below = Math.min(Math.floor(position), lit.count - 1);
  const low = lit.at(below);
  const high = lit.at(Math.min(below + 1, lit.count - 1));
  return low + (high - low) * (position - below);
}

/** The value above zero nearest to that percentile; null where there is none. */
export function nearestAboveZero(planes, q) {
  const lit = new Lit(planes);
  return lit.count === 0 ? null : lit.at(Math.round((q / 100) * (lit.count - 1)));
}

/** Values above zero, counted by their whole parts. */
class Lit {
  constructor(planes) {
    this.planes = planes;
    this.counts = new Float64Array(65536);
    this.count = 0;
    this.#each((value) => {
      this.counts[Math.trunc(value)]++;
      this.count++;
    });
  }

  #each(use) {
    for (const plane of this.planes) {
      for (const value of plane) if (value > 0) use(value);
    }
  }

  /** The value of this rank, counted from 0. */
  at(rank) {
    let [whole, passed] = [0, 0];
    while (passed + this.counts[whole] <= rank) passed += this.counts[whole++];
    const same = [];
    this.#each((value) => {
      if (Math.trunc(value) === whole) same.push(value);
    });
    return Float32Array.from(same).sort()[rank - passed];
  }
}
