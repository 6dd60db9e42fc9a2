// Connected parts of a mask: pixels that touch by an edge or a corner belong together.

/**
 * The mask without its parts of fewer pixels than `smallest`.
 *
 * @param {Uint8Array} mask row-major, 1 where it is set
 */
export function withoutSpecks(mask, width, smallest) {
  const kept = new Uint8Array(mask.length);
  const isSeen = new Uint8Array(mask.length);
  for (let at = 0; at < mask.length; at++) {
    if (!mask[at] || isSeen[at]) continue;
    const part = partAt(at, mask, width, isSeen);
    if (part.length >= smallest) for (const pixel of part) kept[pixel] = 1;
  }
  return kept;
}

/** All pixels of the part that a pixel belongs to. */
function partAt(start, mask, width, isSeen) {
  const part = [start];
  isSeen[start] = 1;
  // What is found on the way is gone through too.
  for (const pixel of part) {
    for (const other of neighbours(pixel, width, mask.length)) {
      if (!mask[other] || isSeen[other]) continue;
      isSeen[other] = 1;
      part.push(other);
    }
  }
  return part;
}

function* neighbours(pixel, width, count) {
  const x = pixel % width;
  for (let above = pixel - width; above <= pixel + width; above += width) {
    if (above < 0 || above >= count) continue;
    if (x > 0) yield above - 1;
    yield above;
    if (x < width - 1) yield above + 1;
  }
}
