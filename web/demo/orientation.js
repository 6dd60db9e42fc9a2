// The orientation that a file asks for, in its Exif data: a network must see what a viewer shows.

import { Scan } from "./scan.js";

const ORIENTATION = 0x112;
const SHORT = 3;

/** From the TIFF structure that Exif data is; 1, as it is, where nothing can be made of it. */
export function orientationOf(exif) {
  try {
    return read(new DataView(exif.buffer, exif.byteOffset, exif.byteLength));
  } catch {
    // It points beyond its end.
    return 1;
  }
}

function read(view) {
  const order = view.getUint32(0);
  const isLittle = order === 0x49492a00;
  if (!isLittle && order !== 0x4d4d002a) return 1;
  const start = view.getUint32(4, isLittle);
  const count = view.getUint16(start, isLittle);
  for (let at = start + 2; at < start + 2 + 12 * count; at += 12) {
    const [tag, type] = [view.getUint16(at, isLittle), view.getUint16(at + 2, isLittle)];
    const isOne = view.getUint32(at + 4, isLittle) === 1;
    if (tag === ORIENTATION && type === SHORT && isOne) return view.getUint16(at + 8, isLittle);
  }
  return 1;
}

/** For each orientation from 2 to 8: whether sides change places, and which way each is then walked backwards. */
const TURNS = {
  2: [false, true, false],
  3: [false, true, true],
  4: [false, false, true],
  5: [true, false, false],
  6: [true, true, false],
  7: [true, true, true],
  8: [true, false, true],
};

/** The scan as its file asks to show it. */
export function turned(scan, orientation) {
  if (!TURNS[orientation]) return scan;
  const [isSwapped, isMirrored, isFlipped] = TURNS[orientation];
  const { width, height, channels, samples } = scan;
  const [newWidth, newHeight] = isSwapped ? [height, width] : [width, height];
  const moved = new samples.constructor(samples.length);
  for (let y = 0, to = 0; y < newHeight; y++) {
    for (let x = 0; x < newWidth; x++, to += channels) {
      const [column, row] = [isMirrored ? newWidth - 1 - x : x, isFlipped ? newHeight - 1 - y : y];
      const from = channels * (isSwapped ? column * width + row : row * width + column);
      for (let c = 0; c < channels; c++) moved[to + c] = samples[from + c];
    }
  }
  return new Scan(newWidth, newHeight, channels, moved);
}
