// Textures as memory: a texel holds four numbers, texel after texel in rows. `src/gpu/texels.rs` and `src/plan/mod.rs` lay them
// out in the same way.

/** `TEXELS_A_ROW` in `texels.wgsl`. */
export const TEXELS_A_ROW = 2048;

const FORMATS = { f32: "rgba32float", f16: "rgba16float" };
const TEXEL_BYTES = { f32: 16, f16: 8 };

export const rowBytes = (precision) => TEXELS_A_ROW * TEXEL_BYTES[precision];

/** Width and height of the texture that holds so many bytes: no height is a power of two, as the planner has counted. */
export function textureSize(bytes, precision) {
  const texels = Math.max(1, Math.floor(bytes / TEXEL_BYTES[precision]));
  const width = Math.min(nextPowerOfTwo(texels), TEXELS_A_ROW);
  const rows = Math.max(2, Math.ceil(texels / TEXELS_A_ROW));
  return [width, nextPowerOfTwo(rows) === rows ? rows + 1 : rows];
}

function nextPowerOfTwo(n) {
  return 2 ** Math.ceil(Math.log2(n));
}

/** A texture for so many bytes. */
export function createTexture(device, label, bytes, precision) {
  const { TEXTURE_BINDING, STORAGE_BINDING, COPY_SRC, COPY_DST } = GPUTextureUsage;
  return device.createTexture({
    label,
    size: textureSize(bytes, precision),
    format: FORMATS[precision],
    usage: TEXTURE_BINDING | STORAGE_BINDING | COPY_SRC | COPY_DST,
  });
}

/** Writes the first texels of a texture: whole rows, or part of the first. */
export function writeTexels(device, texture, bytes, precision) {
  const texels = Math.floor(bytes.byteLength / TEXEL_BYTES[precision]);
  if (texels === 0) return;
  const width = Math.min(texels, TEXELS_A_ROW);
  const layout = { bytesPerRow: width * TEXEL_BYTES[precision] };
  device.queue.writeTexture({ texture }, bytes, layout, [width, Math.ceil(texels / TEXELS_A_ROW)]);
}

/** Copies whole rows of a texture to a buffer, as many as there are bytes. */
export function copyRows(encoder, texture, { offset, size }, precision, buffer, at) {
  const bytesPerRow = rowBytes(precision);
  const from = { texture, origin: [0, offset / bytesPerRow] };
  encoder.copyTextureToBuffer(from, { buffer, offset: at, bytesPerRow }, [TEXELS_A_ROW, size / bytesPerRow]);
}

/** Numbers as a texture stores them. */
export function stored(numbers, precision) {
  return precision === "f16" ? halves(numbers) : numbers;
}

/** The nearest f16 of every f32, ties to even: `Float16Array` is too young to count on. */
export function halves(numbers) {
  const bits = new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  return Uint16Array.from(bits, half);
}

const INFINITY = 0x7c00;

function half(bits) {
  const sign = (bits >>> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  // A NaN stays one, whatever of its payload is cut off.
  if (size > 0x7f800000) return sign | INFINITY | 0x200 | ((size >> 13) & 0x3ff);
  // 65,520 lies half-way to what would come after the largest f16.
  if (size >= 0x477ff000) return sign | INFINITY;
  // Below 2^-14 an f16 counts in steps of 2^-24.
  const shift = 126 - (size >> 23);
  if (shift > 24) return sign;
  if (shift > 13) return sign | roundedOff((size & 0x7fffff) | 0x800000, shift);
  return sign | roundedOff(size - 0x38000000, 13);
}

/** `n / 2^places`, ties to even. */
function roundedOff(n, places) {
  return (n + (1 << (places - 1)) - 1 + ((n >> places) & 1)) >> places;
}
