// Starts the demo, and takes each question to its answer: in this browser, on this device's GPU.

import { allSummary, itemsOf } from "../answer.js";
import { counted } from "../figures.js";
import * as history from "../history.js";
import { announce, byId, complain, make } from "../markup.js";
import { showCard } from "../models.js";
import { showAnswer } from "../report.js";
import { entryOf } from "./answering.js";
import { listSamples, listen, showChosen } from "./choosing.js";
import { Engine } from "./engine.js";
import { worded } from "./scan.js";
import { modelFile } from "./site.js";

const NARROW = "(max-width: 61.99rem)";
/** What is known of the kernels here: their twins, which would judge each by itself, are part of the program. */
const ORIGIN = [["Kernels", "held to one known answer on this GPU, not each by itself"]];

let model = null;
let engine = null;
let files = [];
/** Gives up the question that is under way. */
let under = null;

async function start() {
  byId("starting").remove();
  try {
    model = await modelFile();
    engine = new Engine(model, showReadying);
    showModel();
    await makeReady();
  } catch (fault) {
    showStartFault(fault, model ? makeReadyAgain : () => location.reload());
  }
}

async function makeReady() {
  announce("The network is being made ready …");
  try {
    await engine.ready();
    showDevice();
    byId("asking").disabled = false;
    complain("files-error", null);
    announce("The network is ready.");
  } catch (fault) {
    showStartFault(fault, makeReadyAgain);
  } finally {
    byId("readying").hidden = true;
  }
}

/** The button that was pressed goes with the fault: whoever is on it is taken to what takes its place. */
async function makeReadyAgain() {
  const title = byId("ask-title");
  title.focus({ preventScroll: true });
  complain("fault", null);
  await makeReady();
  if (document.activeElement !== title) return;
  (byId("fault").querySelector("button") ?? byId("choose")).focus({ preventScroll: true });
}

function showStartFault(fault, again) {
  complain("fault", fault.message);
  byId("fault").append(make("button", { type: "button", click: again }, "Try again"));
}

function showReadying(text, part) {
  byId("readying").hidden = false;
  byId("readying-text").textContent = text;
  const bar = byId("readying-bar");
  if (part === null) bar.removeAttribute("value");
  else bar.value = part;
}

function showDevice() {
  byId("device").hidden = false;
  byId("device").querySelector("b").textContent = engine.device;
}

/** What the card says, in the form that the parts of the service's page know. */
function showModel() {
  const { card, samples, gyrus } = model;
  const { intended, limits, licence, data, citation } = card.use ?? {};
  const { sequences } = card.input;
  const { version, title, task } = card;
  model.shown = { name: model.name, version, title, task, labels: card.output.labels, sequences, limits, licence };
  showCard({ ...model.shown, intended_use: intended });
  byId("card")
    .querySelector("dl")
    .append(...rows({ "Trained on": data, Citation: citation }));
  byId("title").textContent = title;
  document.title = `Gyrus: ${title}`;
  byId("one-for-all-part").hidden = !sequences;
  byId("made").textContent = `Written by gyrus ${gyrus}.`;
  listSamples(samples, askChosen);
  byId("notice").hidden = samples.length === 0;
}

function rows(texts) {
  const known = Object.entries(texts).filter(([, text]) => text);
  return known.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]);
}

/** Files may be dropped at any time. */
function askChosen(chosen) {
  const why = whyNot();
  complain("files-error", why);
  if (!why) ask(chosen);
}

/** Why nothing can be asked at present; null where it can. */
function whyNot() {
  if (under) return "Wait for the answer that is under way, or cancel it.";
  if (!byId("asking").disabled) return null;
  if (byId("fault").hidden) return "The network is not ready yet.";
  return "Nothing can be asked here: the message above says why.";
}

async function ask(chosen) {
  files = chosen;
  showChosen(files);
  under = new AbortController();
  const { signal } = under;
  const stop = showProgress();
  try {
    // What comes of a question that was given up, nobody waits for.
    keep(await Promise.race([allAnswered(signal), givenUp(signal)]));
  } catch (fault) {
    if (signal.aborted) showFault("Cancelled", "You cancelled the question.", "cancelled");
    else showFault("No answer", worded(fault), "failure");
  } finally {
    stop();
    under = null;
    complain("files-error", null);
  }
}

/** Rejects as soon as the question is given up, whatever the GPU is busy with. */
function givenUp(signal) {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}

async function allAnswered(signal) {
  const results = [];
  for (const [at, file] of files.entries()) {
    await tellProgress(at);
    signal.throwIfAborted();
    results.push(await answered(file, signal));
    // By now another question may be under way.
    signal.throwIfAborted();
  }
  return results;
}

/** A file that fails costs the others nothing. */
async function answered(file, signal) {
  try {
    return await entryOf(model, engine, file, { oneForAll: byId("one-for-all").checked, signal });
  } catch (fault) {
    signal.throwIfAborted();
    console.warn(fault);
    return { file: file.name, error: worded(fault) };
  } finally {
    // A device that was lost had to be opened again.
    byId("readying").hidden = true;
    showDevice();
  }
}

function keep(results) {
  const [{ error, file }] = results;
  if (results.length === 1 && error !== undefined) return showFault("No answer", `${file}: ${error}`, "failure");
  const title = results.length === 1 ? file : counted(results.length, "file");
  // The page has a row of its own about the kernels; who saves the reports reads there that none was verified.
  const items = itemsOf(results.map((entry) => ({ ...entry, verified: null })));
  const answer = { model: model.shown, results, items, title, when: new Date(), origin: ORIGIN };
  history.keep(answer, open);
  return open(answer);
}

function open(answer) {
  showAnswer(answer);
  history.mark(answer);
  titled(`Answer: ${answer.title}`);
  announce(`${answer.title}: ${allSummary(answer.items)}`);
}

function showFault(title, text, kind) {
  history.mark(null);
  byId("answer").replaceChildren(make("div", { class: kind }, make("p", {}, text)));
  titled(title);
  announce(text);
}

/** Names the answer's panel and goes there, so that whoever reads by keys or by ear is where the news is. */
function titled(text) {
  const title = byId("answer-title");
  title.textContent = text;
  // Until the progress is gone its button holds the focus.
  requestAnimationFrame(() => {
    title.focus({ preventScroll: true });
    const { top } = title.getBoundingClientRect();
    if (top < 0 || top > innerHeight / 3) title.scrollIntoView({ block: "start" });
  });
}

/** Shows that a question is under way; what it returns ends that. */
function showProgress() {
  const since = Date.now();
  const count = () => {
    byId("elapsed").textContent = `${Math.round((Date.now() - since) / 1000)} s`;
  };
  const clock = setInterval(count, 1000);
  count();
  setBusy(true);
  byId("cancel").focus({ preventScroll: true });
  announce(`Asking about ${files.length === 1 ? files[0].name : counted(files.length, "file")} …`);
  return () => {
    clearInterval(clock);
    setBusy(false);
  };
}

/** Says which file is under way, and lets the browser draw that before it is busy. */
function tellProgress(at) {
  const of = files.length === 1 ? "" : ` (${at + 1} of ${files.length})`;
  byId("progress-text").textContent = `Asking ${model.name} about ${files[at].name}${of} …`;
  return new Promise((resolve) => setTimeout(resolve));
}

function setBusy(isBusy) {
  byId("progress").hidden = !isBusy;
  byId("asking").disabled = isBusy;
  byId("answer").classList.toggle("old", isBusy);
}

function clearHistory() {
  history.clear();
  announce("Earlier answers were cleared.");
  byId("answer-title").focus();
}

listen(askChosen);
byId("again").addEventListener("click", () => askChosen(files));
byId("cancel").addEventListener("click", () => under?.abort());
byId("clear").addEventListener("click", clearHistory);
// The card would stand between the question and its answer.
byId("card-fold").open = !matchMedia(NARROW).matches;
start();
