// What the service answered, put in order: pictures, volumes with their slices, files that failed.

import { area, count, counted, percent, volume } from "./figures.js";

/** The volume as a whole, beside the entries of its slices. */
const isWhole = (entry) => Number.isInteger(entry.slices);
const isSlice = (entry) => Boolean(entry.axis) && Number.isInteger(entry.slice);
/** A slice that failed is told apart from a file by its text alone. */
const SLICE_FAILED = /^slice (\d+): /;

/** What the service words for its command line, and where that is on this page. */
const HERE = [
  ["--allow-missing-sequences", "On this page: tick “Let one sequence stand for all”."],
  ["--series", "On this page: “DICOM series” under “Options for volumes”."],
  ["--axis", "On this page: “Plane” under “Options for volumes”."],
];

/** An error's text, with where on this page its remedy is. */
export function worded(text) {
  const hints = HERE.filter(([option]) => text.includes(option)).map(([, hint]) => hint);
  return hints.length ? [text.replace(/\.?$/, "."), ...hints].join(" ") : text;
}

/** Items in the order of the files: `{kind: "failure" | "picture" | "volume", file, ...}`. */
export function itemsOf(results) {
  const items = [];
  let slices = [];
  for (const entry of results) {
    if (isWhole(entry)) {
      items.push({ kind: "volume", file: entry.file, whole: entry, slices: ordered(slices) });
      slices = [];
    } else if (isSlice(entry)) {
      slices.push({ number: entry.slice, entry });
    } else if (entry.error !== undefined) {
      const failed = isOfFile(entry) ? null : SLICE_FAILED.exec(entry.error);
      if (failed) slices.push({ number: Number(failed[1]), error: entry.error.slice(failed[0].length) });
      else items.push({ kind: "failure", file: entry.file, error: unnamed(entry) });
    } else {
      items.push({ kind: "picture", file: entry.file, entry });
    }
  }
  return items;
}

/** A file's own failure begins with its name, which may be "slice 12" too. */
const isOfFile = ({ file, error }) => error.startsWith(`${file}: `);

/** Why there is no answer, less the file's name, which stands beside it. */
function unnamed(entry) {
  return worded(isOfFile(entry) ? entry.error.slice(entry.file.length + 2) : entry.error);
}

function ordered(slices) {
  return slices.sort((a, b) => a.number - b.number);
}

export const isMask = (entry) => entry.mask !== undefined;

/** Whether the model drew no mask because of what the scan is. */
export const isWithheld = (entry) => entry.warnings.some((warning) => warning.code === "withheld");

/** A slice's entry with the warnings that are its own: those of the whole volume stand there. */
export function ownOf(entry, whole) {
  const said = new Set(whole.warnings.map((warning) => warning.text));
  return { ...entry, warnings: entry.warnings.filter((warning) => !said.has(warning.text)) };
}

/** The labels of an answer, the most probable first. */
export function ranked(probabilities) {
  return Object.entries(probabilities).sort((a, b) => b[1] - a[1]);
}

/** One line about a picture, a slice or a volume. */
export function summary(entry) {
  if (isMask(entry)) return marked(entry);
  if (entry.prediction === null) return "No prediction";
  return `${entry.prediction}, ${percent(entry.probabilities[entry.prediction])}`;
}

function marked(entry) {
  if (entry.pixels === 0) return isWithheld(entry) ? "No mask was drawn" : "Nothing marked";
  if (typeof entry.volume_ml === "number") return volume(entry.volume_ml);
  if (typeof entry.area_mm2 === "number") return area(entry.area_mm2);
  return `${count(entry.pixels)} pixels, ${percent(entry.fraction, 2)}`;
}

export function itemSummary(item) {
  if (item.kind === "failure") return item.error;
  return summary(item.entry ?? item.whole);
}

/** One line about all that was answered together. */
export function allSummary(items) {
  if (items.length === 1) return itemSummary(items[0]);
  const failed = items.filter((item) => item.kind === "failure").length;
  const answered = counted(items.length - failed, "file");
  return failed ? `${answered} answered, ${count(failed)} failed` : `${answered} answered`;
}

/** Where a reader looks first: the slice with most in its mask, else the middle one. */
export function firstIndex({ slices }) {
  const pixels = slices.map(({ entry }) => entry?.pixels ?? 0);
  const most = Math.max(0, ...pixels);
  return most > 0 ? pixels.indexOf(most) : slices.length >> 1;
}

/** What the profile shows of each slice: its mask, or the probability of the volume's label where it has a label. */
export function profile({ slices, whole }) {
  if (isMask(whole)) return slices.map(({ entry }) => entry?.pixels ?? 0);
  if (whole.prediction === null) return [];
  return slices.map(({ entry }) => (entry?.prediction ? entry.probabilities[whole.prediction] : 0));
}

/** Whether the file says how the head lies, so that sides can be named. */
export function knowsSides({ whole }) {
  const isUnplaced = whole.warnings.some((warning) => warning.code === "unplaced");
  return !isUnplaced && !(whole.notes ?? []).some((note) => note.includes("assumed"));
}
