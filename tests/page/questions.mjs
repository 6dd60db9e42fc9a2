// What is asked of the page: its samples by their titles, files, and a head's three sequences.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SAMPLES, drawnSequence } from "./scans.mjs";
import { answered, chooseModel } from "./session.mjs";

export const BRAIN = "An average brain";
export const NO_SCAN = "Something that is no scan";
export const TUMOUR = "A drawn tumour";
export const SLICE = join(SAMPLES, "slices", "icbm152_z10.png");
export const OTHER_SLICE = join(SAMPLES, "slices", "icbm152_z24.png");
export const BAD = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("This is no scan.") };

export function read(path) {
  return { name: path.split("/").at(-1), mimeType: "image/png", buffer: readFileSync(path) };
}

export function nifti(stem, buffer) {
  return { name: `${stem}.nii.gz`, mimeType: "application/gzip", buffer };
}

/** Drops files, each a name and bytes, at the page's end. */
export function drop(page, files) {
  return page.evaluate((files) => {
    const transfer = new DataTransfer();
    for (const [name, values] of files) transfer.items.add(new File([new Uint8Array(values)], name));
    document
      .querySelector("footer")
      .dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, files);
}

/** Asks about the drawn patient's three sequences. */
export async function askDrawn(page) {
  await chooseModel(page, "tumor");
  for (const part of ["pre", "flair", "post"]) {
    await page.locator(`#sequence-${part}`).setInputFiles(nifti(part, drawnSequence(part)));
  }
  await page.locator("#ask-sequences").click();
  await page.locator(".slice").waitFor();
  await answered(page);
}
