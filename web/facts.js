// What an answer says, in words and figures, beside its picture.

import { bars } from "./bars.js";
import { isMask, isWithheld } from "./answer.js";
import { area, count, counted, milliseconds, percent, volume } from "./figures.js";
import { make } from "./markup.js";
import { limitsOf, versionOf } from "./models.js";

/** Of a picture, or of one slice of a volume. */
export function entryFacts(entry) {
  return isMask(entry) ? maskFacts(entry) : labelFacts(entry, "this picture");
}

/** Of a volume as a whole. */
export function wholeFacts(whole) {
  return isMask(whole) ? wholeMaskFacts(whole) : wholeLabelFacts(whole);
}

/** What is known of the device's shaders; the CPU engine has none. */
const KERNELS = { true: "verified on this device", false: "not verified on this device" };

/** Model, device and time, and how far to trust it all. */
export function originFacts(entry, model) {
  const limits = limitsOf(model);
  return [
    definitions([
      ["Model", versionOf(model)],
      ["Device", entry.device],
      ...(entry.verified === null ? [] : [["Kernels", KERNELS[entry.verified]]]),
      ["Time", milliseconds(entry.milliseconds)],
    ]),
    make("p", { class: "quiet" }, "For research use only: what a network computed, not a diagnosis."),
    limits && make("details", {}, make("summary", {}, `Limits of ${versionOf(model)}`), limits),
  ];
}

export function notes(texts) {
  if (!texts?.length) return null;
  return make("ul", { class: "notes", "aria-label": "Notes" }, ...texts.map((text) => make("li", {}, text)));
}

function labelFacts(entry, what) {
  if (entry.prediction === null) return [refusal("No prediction", entry.warnings), computedAnyway(entry, what)];
  return [
    headline(entry.prediction, `probability ${percent(entry.probabilities[entry.prediction])}`),
    bars(entry.probabilities, entry.prediction),
    warnings(entry.warnings),
  ];
}

function wholeLabelFacts(whole) {
  const rows = [["Slices that fit", `${count(whole.passed)} of ${count(whole.slices)}`]];
  if (whole.prediction !== null) rows.push(["Probability", `the ${whole.rule} over these slices`]);
  return [...labelFacts(whole, "this volume"), definitions(rows)];
}

/** The figures are there for study, out of the way of anyone who looks for an answer. */
function computedAnyway(entry, what) {
  return make(
    "details",
    { class: "anyway" },
    make("summary", {}, "What the network computed all the same"),
    make("p", { class: "quiet" }, `These figures mean nothing for ${what}.`),
    bars(entry.probabilities, null),
  );
}

function maskFacts(entry) {
  if (isWithheld(entry)) return [refusal("No mask was drawn", entry.warnings)];
  const isSized = typeof entry.area_mm2 === "number";
  const size = isSized ? area(entry.area_mm2) : counted(entry.pixels, "pixel");
  const head = entry.pixels
    ? headline(size, `${percent(entry.fraction, 2)} of the picture`)
    : headline("Nothing marked");
  const figures = isSized
    ? [["Pixels", count(entry.pixels)]]
    : [["Area", "not known: the file does not say how large a pixel is"]];
  return [head, warnings(entry.warnings), definitions(figures)];
}

function wholeMaskFacts(whole) {
  if (whole.pixels === 0 && isWithheld(whole)) return [refusal("No mask was drawn", whole.warnings)];
  const head = whole.pixels
    ? headline(volume(whole.volume_ml), `${percent(whole.fraction, 2)} of the volume`)
    : headline("Nothing marked");
  const figures = [
    ["Voxels", count(whole.pixels)],
    ["Slices marked", `${count(whole.marked)} of ${count(whole.slices)}`],
  ];
  return [head, warnings(whole.warnings), definitions(figures)];
}

function headline(text, beside = "") {
  return make("p", { class: "headline" }, make("b", {}, text), beside ? make("span", {}, " ", beside) : null);
}

function refusal(title, reasons) {
  return make("div", { class: "refusal" }, make("p", { class: "refusal-title" }, title), sentences(reasons));
}

/** That nothing was found stands in the headline. */
function warnings(all) {
  const list = all.filter((warning) => warning.code !== "empty_mask");
  return list.length
    ? make("div", { class: "warnings" }, make("p", { class: "warnings-title" }, "Take care"), sentences(list))
    : null;
}

function sentences(list) {
  return list.length === 0 ? null : make("ul", {}, ...list.map(({ text }) => make("li", {}, text)));
}

function definitions(rows) {
  return make(
    "dl",
    { class: "facts" },
    ...rows.map(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]).flat(),
  );
}
