// From a file to its entry, in the form in which the program reports: `docs/schema` and `../answer.js` know it.

import { bytesOf, decode } from "./decode.js";
import { judge, measure } from "./gate.js";
import { classified, segmented } from "./interpret.js";
import { nearestAboveZero } from "./percentile.js";
import { encodePng } from "./png.js";
import { prepare } from "./prepare.js";
import { Refused } from "./scan.js";
import { shrunk } from "./shrink.js";

/** This percentile of what is lit is shown white, where a file has more than 8 bits. */
const WHITE = 99.5;
/** The longest side of the picture that is shown, as the service's: a photo at its own size is held several times. */
const LONGEST = 1024;

/**
 * @param {object} model as `model.json` has it
 * @param {import("./engine.js").Engine} engine
 * @param {File} file
 * @param {{oneForAll: boolean, signal: AbortSignal}} options whether a grey picture stands for all sequences, and what
 *     gives the question up
 * @throws {Error} in words
 */
export async function entryOf({ name, card }, engine, file, { oneForAll, signal }) {
  const scan = await decode(await bytesOf(file));
  await heard(signal);
  refuseMissing(card.input, scan, oneForAll);
  const prepared = prepare(card.input, scan);
  await heard(signal);
  const { outputs, milliseconds } = await engine.outputs(prepared);
  const { output, features } = card.model;
  const row = outputs.get(output);
  if (!row) throw new Refused(`The network has no output '${output}', which the card names.`);
  const warnings = judge(card, measure(scan), prepared, outputs.get(features) ?? null);
  // One answer that came right shows no kernel right for good, as its twin would, which is part of the program.
  const head = { file: file.name, model: name, device: engine.device, verified: false };
  const answer = await (card.task === "segmentation" ? maskOf : labelOf)(card, scan, row, warnings);
  const shown = shrunk(scan, LONGEST);
  return { ...head, ...answer, milliseconds, picture: await addressOf(picture(shown), shown, shown.channels) };
}

/** Goes on unless the question was given up: of that the page hears only between two pieces of work. */
async function heard(signal) {
  await new Promise((resolve) => setTimeout(resolve));
  signal.throwIfAborted();
}

function refuseMissing({ sequences }, scan, isAllowed) {
  if (!sequences || scan.isColour || isAllowed) return;
  const missing = `It has one channel, where the model takes ${sequences.length}: ${sequences.join(", ")}.`;
  const remedy =
    "Give them as the channels of one picture, or accept worse masks and tick “Let one sequence stand for all”.";
  throw new Refused(`${missing} ${remedy}`);
}

function labelOf(card, _scan, row, warnings) {
  return classified(card, row, warnings);
}

async function maskOf(card, scan, row, warnings) {
  const { mask, ...found } = segmented(card, scan, row, warnings);
  const address = await addressOf(
    mask.map((set) => 255 * set),
    scan,
    1,
  );
  // How large a pixel is no PNG or JPEG says in a way to be relied on.
  return { ...found, mask: address, area_mm2: null };
}

/** The scan in 8 bits, for people. */
function picture({ samples, maximum }) {
  if (maximum === 255) return samples;
  const white = nearestAboveZero([samples], WHITE) ?? 1;
  return Uint8Array.from(samples, (value) => Math.round(Math.min(value / white, 1) * 255));
}

/** PNG as an address that holds it. Whoever looks back at answers needs no list of what to free. */
async function addressOf(samples, { width, height }, channels) {
  const blob = await encodePng(samples, width, height, channels);
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Refused("There is not enough memory to show a picture of this size."));
    reader.readAsDataURL(blob);
  });
}
