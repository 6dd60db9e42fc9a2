// A scan made smaller for people to look at, as `Scan::shrunk` of `src/imaging/scan.rs` does it.

import { Scan } from "./scan.js";

/** The scan with no side longer than this, each pixel the mean of a block; as it is where it is no larger. */
export function shrunk(scan, longest) {
  const side = Math.ceil(Math.max(scan.width, scan.height) / longest);
  if (side <= 1) return scan;
  const [width, height] = [scan.width, scan.height].map((size) => Math.ceil(size / side));
  const samples = new scan.samples.constructor(width * height * scan.channels);
  for (let y = 0; y < height; y++) samples.set(means(scan, side, y), y * width * scan.channels);
  return new Scan(width, height, scan.channels, samples);
}

/** The means of a row of blocks, channels interleaved. Blocks at the right and the bottom may be cut. */
function means(scan, side, row) {
  const { width, height, channels } = scan;
  const [top, bottom] = [row * side, Math.min((row + 1) * side, height)];
  return sums(scan, side, top, bottom).map((sum, at) => {
    const columns = Math.min(side, width - Math.trunc(at / channels) * side);
    return Math.round(sum / (columns * (bottom - top)));
  });
}

function sums({ width, channels, samples }, side, top, bottom) {
  const found = new Float64Array(Math.ceil(width / side) * channels);
  let from = top * width * channels;
  for (let y = top; y < bottom; y++) {
    for (let x = 0; x < width; x++) {
      const to = Math.trunc(x / side) * channels;
      for (let c = 0; c < channels; c++) found[to + c] += samples[from++];
    }
  }
  return found;
}
