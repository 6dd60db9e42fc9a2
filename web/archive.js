// Several DICOM files as one zip archive, since one series is one volume. Nothing is compressed:
// the files hardly shrink, and they do not go far.
// Format: APPNOTE.TXT of PKWARE, sections 4.3.7, 4.3.12 and 4.3.16.

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
// Bit 11: names are UTF-8.
const FLAGS = 0x0800;
// 1 January 1980, the first date that there is: when a scan was copied is nobody's business.
const DATE = 0x21;

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

/** Whether a file says of itself that it is DICOM. */
export async function isDicom(file) {
  const mark = new Uint8Array(await file.slice(128, 132).arrayBuffer());
  return String.fromCharCode(...mark) === "DICM";
}

/** The files in one archive. */
export async function zipped(files, name) {
  const locals = [];
  const centrals = [];
  let offset = 0;
  for (const [index, file] of files.entries()) {
    const entry = {
      crc: crc32(new Uint8Array(await file.arrayBuffer())),
      size: file.size,
      name: nameOf(index),
      offset,
    };
    const head = localHead(entry);
    locals.push(head, file);
    centrals.push(centralHead(entry));
    offset += head.length + file.size;
  }
  const length = centrals.reduce((sum, head) => sum + head.length, 0);
  return new File([...locals, ...centrals, end(files.length, length, offset)], name, { type: "application/zip" });
}

// Names of DICOM files often hold a patient's, and two folders may hold the same.
function nameOf(index) {
  return new TextEncoder().encode(`${String(index).padStart(5, "0")}.dcm`);
}

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function localHead({ crc, size, name }) {
  return record([[4, LOCAL], [2, VERSION], ...common(crc, size, name), [2, 0]], name);
}

function centralHead({ crc, size, name, offset }) {
  const rest = [
    [2, 0],
    [2, 0],
    [2, 0],
    [2, 0],
    [4, 0],
    [4, offset],
  ];
  return record([[4, CENTRAL], [2, VERSION], [2, VERSION], ...common(crc, size, name), ...rest], name);
}

/** Flags, method, time, date, checksum, both sizes, the name's length. */
function common(crc, size, name) {
  return [
    [2, FLAGS],
    [2, 0],
    [2, 0],
    [2, DATE],
    [4, crc],
    [4, size],
    [4, size],
    [2, name.length],
  ];
}

function end(entries, length, offset) {
  return record([
    [4, END],
    [2, 0],
    [2, 0],
    [2, entries],
    [2, entries],
    [4, length],
    [4, offset],
    [2, 0],
  ]);
}

function record(fields, name = new Uint8Array()) {
  const size = fields.reduce((sum, [width]) => sum + width, 0);
  const bytes = new Uint8Array(size + name.length);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value, true);
    at += width;
  }
  bytes.set(name, at);
  return bytes;
}
