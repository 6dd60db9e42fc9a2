// The bytes of a file to a scan, in the same numbers that the program finds in them (`src/imaging/decode.rs`).

import { decodeJpeg, isJpeg } from "./jpeg.js";
import { decodePng, isPng } from "./png.js";
import { Refused } from "./scan.js";

export const MAX_FILE_BYTES = 256 * 2 ** 20;

/** How files begin that the program reads and this page does not. */
const OTHERS = [
  ["TIFF", /^(II\*\0|MM\0\*)/],
  ["BMP", /^BM/],
  ["WebP", /^RIFF....WEBP/s],
  ["GIF", /^GIF8/],
  ["HEIC or AVIF", /^....ftyp/s],
  ["DICOM", /^.{128}DICM/s],
  ["NIfTI", /^(\x5c\x01\0\0|\0\0\x01\x5c)/],
  ["compressed", /^(\x1f\x8b|PK\x03\x04)/],
];

/**
 * @param {Uint8Array} bytes
 * @returns {Promise<import("./scan.js").Scan>}
 * @throws {Refused} in words
 */
export async function decode(bytes) {
  if (bytes.length === 0) throw new Refused("The file is empty; export or copy it again.");
  if (bytes.length > MAX_FILE_BYTES)
    throw new Refused("The file is larger than 256 MiB; a single slice is far smaller.");
  try {
    if (isPng(bytes)) return await decodePng(bytes);
    if (isJpeg(bytes)) return decodeJpeg(bytes);
  } catch (error) {
    if (error instanceof RangeError) throw new Refused("There is not enough memory for a picture of this size.");
    throw error;
  }
  throw new Refused(refusal(bytes));
}

function refusal(bytes) {
  const start = String.fromCharCode(...bytes.subarray(0, 132));
  const other = OTHERS.find(([, beginning]) => beginning.test(start));
  const what = other ? `This is a ${other[0]} file` : "This is no picture that can be read";
  return `${what}; this page reads PNG and JPEG, one slice a file. The program itself reads more, volumes among it.`;
}
