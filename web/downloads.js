// Files out of an answer. The policy lets nothing fetch `data:` addresses, so they are taken apart here.

import { stem } from "./figures.js";
import { make } from "./markup.js";

/** Has the browser save a blob. */
function save(blob, name) {
  const address = URL.createObjectURL(blob);
  make("a", { href: address, download: name }).click();
  // Browsers read it after the click has returned.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export function saveAddress(address, name) {
  const [head, encoded] = address.split(",", 2);
  const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
  save(new Blob([bytes], { type: head.slice("data:".length).split(";")[0] }), name);
}

export async function saveBlob(promise, name) {
  save(await promise, name);
}

/** What is shown of a scan, which whoever asks has already. */
const SHOWN = ["picture", "stretch"];

/** The results as the service gave them, less the scan itself. */
export function saveJson(results, name) {
  const text = JSON.stringify({ results }, (key, value) => (SHOWN.includes(key) ? undefined : value), 2);
  save(new Blob([text], { type: "application/json" }), name);
}

/** A name for what belongs to an entry, such as `flair_axial_012_mask.png`. */
export function fileName(entry, what) {
  const slice = Number.isInteger(entry.slice) ? `_${entry.axis}_${String(entry.slice).padStart(3, "0")}` : "";
  return `${stem(entry.file)}${slice}_${what}`;
}
