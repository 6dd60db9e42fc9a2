// The packed numbers of a JPEG: bits, codes of one to sixteen bits, signed numbers.

import { Refused } from "./scan.js";

const damaged = () => new Refused("Damaged JPEG image (a code means nothing); export or copy it again.");

/** A reader of the data of one scan. */
export class JpegBits {
  #buffer = 0;
  #count = 0;
  /** How many of the buffer's last bits are not of the file. */
  #missing = 0;

  /**
   * @param {Uint8Array} bytes
   * @param {number} at where the data begin; then, what is not read yet
   * @param {() => Error} cut what to throw where they end early
   */
  constructor(bytes, at, cut) {
    Object.assign(this, { bytes, at, cut });
  }

  /**
   * A table that has for each sixteen bits the symbol of the code that they begin with, and above it the code's length.
   *
   * @param {Uint8Array} counts of the codes of each length
   * @param {Uint8Array} symbols in the order of their codes
   */
  static codes(counts, symbols) {
    const table = new Uint16Array(65536);
    let [code, at] = [0, 0];
    counts.forEach((count, shorter) => {
      const room = 16 - (shorter + 1);
      for (let n = 0; n < count; n++, code++) {
        if ((code + 1) << room > 65536) throw damaged();
        table.fill(((shorter + 1) << 8) | symbols[at++], code << room, (code + 1) << room);
      }
      code *= 2;
    });
    return table;
  }

  /** Data end at a marker: a byte 255 that is not followed by 0. */
  #fill() {
    const { bytes } = this;
    while (this.#count <= 24) {
      const byte = bytes[this.at];
      const isEnd = byte === undefined || (byte === 0xff && bytes[this.at + 1] !== 0);
      this.#buffer = (this.#buffer << 8) | (isEnd ? 0 : byte);
      this.#count += 8;
      if (isEnd) this.#missing += 8;
      else this.at += byte === 0xff ? 2 : 1;
    }
  }

  #drop(bits) {
    this.#count -= bits;
    if (this.#count < this.#missing) throw this.cut();
  }

  /** The next bits as a number, 16 of them at most. */
  take(bits) {
    if (bits === 0) return 0;
    if (this.#count < bits) this.#fill();
    const value = (this.#buffer >>> (this.#count - bits)) & ((1 << bits) - 1);
    this.#drop(bits);
    return value;
  }

  /** A number of so many bits, of which those that begin with 0 are negative. */
  signed(bits) {
    const value = this.take(bits);
    return bits > 0 && value < 1 << (bits - 1) ? value - (1 << bits) + 1 : value;
  }

  symbol(table) {
    if (!table) throw damaged();
    if (this.#count < 16) this.#fill();
    const entry = table[(this.#buffer >>> (this.#count - 16)) & 0xffff];
    if (entry === 0) throw damaged();
    this.#drop(entry >> 8);
    return entry & 255;
  }

  /** Goes on after the restart marker that is due here. */
  restart() {
    const { bytes } = this;
    while (this.at < bytes.length && !(bytes[this.at] === 0xff && bytes[this.at + 1] >= 0xd0)) this.at++;
    if (!(bytes[this.at + 1] <= 0xd7)) throw this.cut();
    this.at += 2;
    this.#buffer = 0;
    this.#count = 0;
    this.#missing = 0;
  }
}
