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

/** So many bytes tell each of them. */
const BEGINNING = 132;

/**
 * The bytes of a file. Of one that is too large no more is read than tells what it is.
 *
 * @param {File} file
 * @returns {Promise<Uint8Array>}
 * @throws {Refused} in words
 */
export async function bytesOf(file) {
  if (file.size <= MAX_FILE_BYTES) return read(file);
  const other = otherKind(await read(file.slice(0, BEGINNING)));
  throw new Refused(other ? refusal(other) : "The file is larger than 256 MiB; a single slice is far smaller.");
}

async function read(blob) {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (error) {
    throw new Refused("It cannot be read; it may have been moved, or be a folder. Choose it again.", { cause: error });
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {Promise<import("./scan.js").Scan>}
 * @throws {Refused} in words
 */
export async function decode(bytes) {
  if (bytes.length === 0) throw new Refused("The file is empty; export or copy it again.");
  if (isPng(bytes)) return decodePng(bytes);
  if (isJpeg(bytes)) return decodeJpeg(bytes);
  throw new Refused(refusal(otherKind(bytes)));
}

function otherKind(bytes) {
  const start = String.fromCharCode(...bytes.subarray(0, BEGINNING));
  return OTHERS.find(([, beginning]) => beginning.test(start))?.[0];
}

function refusal(other) {
  const what = other ? `This is a ${other} file` : "This is no picture that can be read";
  return `${what}; this page reads PNG and JPEG, one slice a file. The program itself reads more, volumes among it.`;
}
