// What is asked of the service: a model, files, and how volumes are cut.

import { isDicom, zipped } from "./archive.js";
import { bytes, counted } from "./figures.js";
import { byId } from "./markup.js";

/** Parts that hold one sequence of a head, in the order of a model's sequences. */
export const SEQUENCE_PARTS = ["pre", "flair", "post"];
/** The sequence whose grid the mask is written in. */
export const MAIN_PART = "flair";

/** A file that the browser cannot read, or not any more. */
class Unreadable extends Error {
  constructor(file) {
    super(`${file.name} cannot be read; it may have been moved, or be a folder. Choose it again.`);
  }
}

/** A question about files, each on its own; several DICOM files are one series. */
export async function aboutFiles(files, settings) {
  const isOne = await Promise.all(files.map(readable));
  const slices = files.filter((_, index) => isOne[index]);
  if (slices.length < 2)
    return question(
      settings,
      files.map((file) => ["file", file]),
    );
  const series = await zipped(slices, `${slices.length} DICOM files.zip`);
  const others = files.filter((_, index) => !isOne[index]);
  return question(
    settings,
    [series, ...others].map((file) => ["file", file]),
  );
}

/** Whether the file is DICOM; all are looked at, so one that cannot be read is named before anything is sent. */
async function readable(file) {
  try {
    return await isDicom(file);
  } catch {
    throw new Unreadable(file);
  }
}

/** A question about the sequences of one head, by the names of their parts. */
export function aboutSequences(sequences, settings) {
  return question(settings, sequences);
}

function question(settings, parts) {
  return { settings, upload: upload(parts) };
}

/** Files in a few words. */
export function named(files) {
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const names = files.length === 1 ? files[0].name : counted(files.length, "file");
  return `${names} (${bytes(size)})`;
}

function upload(parts) {
  const [[field, file]] = parts;
  if (parts.length === 1 && field === "file") {
    const headers = { "Content-Type": "application/octet-stream", "X-File-Name": encoded(file.name) };
    return { headers, body: file };
  }
  const form = new FormData();
  for (const [name, part] of parts) form.append(name, part, part.name);
  return { headers: {}, body: form };
}

/** Percent-encoded; half of a surrogate pair, which names may hold, cannot be. */
function encoded(name) {
  return encodeURIComponent(name.replace(/\p{Surrogate}/gu, "?"));
}

/** How the options stand. */
export function settingsOf(model) {
  const asked = { model: model.name, picture: "true" };
  const more = { axis: byId("axis").value, slices: slices(), series: byId("series").valueAsNumber };
  for (const [name, value] of Object.entries(more)) if (value) asked[name] = value;
  if (model.sequences && byId("one-for-all").checked) asked.allow_missing_sequences = "true";
  return asked;
}

/** Slices as the service wants them: up to, and without, the last number. */
function slices() {
  const which = byId("slices").value;
  if (which !== "range") return which;
  return `${byId("first").valueAsNumber}..${byId("last").valueAsNumber + 1}`;
}

/** What is wrong with the choice of slices, in words, or null. */
export function cutFault() {
  const series = byId("series");
  if (!series.validity.valid) return "The series is a number, counted from 1.";
  if (byId("slices").value !== "range") return null;
  const [first, last] = ["first", "last"].map((id) => byId(id).valueAsNumber);
  const areNumbers = Number.isInteger(first) && Number.isInteger(last) && first >= 0;
  if (!areNumbers) return "The first and the last slice are whole numbers from 0 up.";
  return first > last ? `The last slice, ${last}, lies before the first, ${first}.` : null;
}
