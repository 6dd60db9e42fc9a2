// Starts the page, and takes each question to its answer.

import { allSummary, itemsOf } from "./answer.js";
import { chosenSequences, listen, showChosen, showSequences } from "./choosing.js";
import { counted } from "./figures.js";
import * as history from "./history.js";
import { announce, byId, complain, make } from "./markup.js";
import { choose, isUsable, listModels, pathOf, showCard } from "./models.js";
import { aboutFiles, aboutSequences, cutFault, named, settingsOf } from "./question.js";
import { showAnswer } from "./report.js";
import { listSamples } from "./samples.js";
import * as service from "./service.js";

/** How long to wait for models that the service still loads, in ms. */
const LOADING = 2000;
const NARROW = "(max-width: 61.99rem)";
const UNDER_WAY = "Wait for the answer that is under way, or cancel it.";

let model = null;
let files = [];
/** Gives up the question that is under way. */
let under = null;
/** Asks again whether models are loaded. */
let later = 0;
/** The models that are shown, as text. */
let shown = null;

async function start() {
  clearTimeout(later);
  try {
    const said = await service.models();
    showHouse(said);
    await showModels(said.models);
    complain("service-fault", null);
    if (said.loading) later = setTimeout(start, LOADING);
  } catch (fault) {
    showStartFault(fault);
  }
}

/** Those that are shown already stay as they are: somebody may be about to choose one. */
async function showModels(models) {
  const text = JSON.stringify(models);
  if (text === shown) return;
  listModels(models, chooseModel);
  if (!models.some(isUsable)) throw new service.Fault("No model is loaded yet.", { status: 503 });
  byId("asking").disabled = false;
  await listSamples(askSample);
  shown = text;
}

function showStartFault(fault) {
  byId("models").querySelector("p")?.remove();
  const place = byId("service-fault");
  // The same is not said twice: whoever listens heard it, and may be at the button.
  if (place.firstChild?.textContent !== fault.message) {
    complain("service-fault", fault.message);
    place.append(make("button", { type: "button", click: start }, "Try again"));
  }
  if (fault.isPassing) later = setTimeout(start, LOADING);
}

function showHouse({ device, notices, research_use: research }) {
  if (research) byId("research").textContent = research;
  byId("device").hidden = !device;
  byId("device").querySelector("b").textContent = device ?? "";
  byId("device").title = (notices ?? []).join(" ");
  for (const text of notices ?? []) byId("research").append(make("span", { class: "notice" }, text));
}

function chooseModel(chosen) {
  model = chosen;
  showCard(model);
  showSequences(model.sequences);
}

/** Files may be dropped at any time. */
function askChosen(chosen, lost) {
  const early = model === null ? "No model is ready yet; choose the files again when there is one." : UNDER_WAY;
  if (under || model === null) complain("files-error", early);
  else askFiles(chosen, lost);
}

function askFiles(chosen, lost = []) {
  files = chosen;
  showChosen(files);
  if (!isCutRight()) return;
  // Of several the service says which is empty, and answers the others.
  const areEmpty = files.every((file) => file.size === 0);
  const unread = lost.length ? `${counted(lost.length, "file")} cannot be read, ${lost[0]} for one.` : null;
  complain("files-error", areEmpty ? `${files[0].name} is empty; choose another file.` : unread);
  const settings = settingsOf(model);
  if (!areEmpty) ask(model, chosen, () => aboutFiles(chosen, settings));
}

function askSample(sample, file) {
  if (under) {
    complain("files-error", UNDER_WAY);
    return;
  }
  choose(sample.model);
  askFiles([file]);
}

function askSequences() {
  const sequences = chosenSequences();
  if (!sequences || !isCutRight()) return;
  const settings = settingsOf(model);
  const all = sequences.map(([, file]) => file);
  ask(model, all, () => aboutSequences(sequences, settings));
}

function isCutRight() {
  const fault = cutFault();
  complain("cut-error", fault);
  if (fault) byId("cut-error").closest("details").open = true;
  return fault === null;
}

/** Prepares a question about files, asks a model, and shows the answer or why there is none. What is asked again is the same. */
async function ask(asked, about, prepare) {
  if (under) return;
  const { signal } = (under = new AbortController());
  const stop = showProgress(`Asking ${asked.name} about ${named(about)} …`);
  try {
    const { settings, upload } = await prepare();
    signal.throwIfAborted();
    keep(asked, await service.answers(pathOf(asked), settings, upload, signal));
  } catch (fault) {
    showFault(fault, () => ask(asked, about, prepare));
  } finally {
    stop();
    under = null;
    if (byId("files-error").textContent === UNDER_WAY) complain("files-error", null);
  }
}

function keep(asked, results) {
  const items = itemsOf(results);
  const names = [...new Set(items.map((item) => item.file))];
  const title = names.length === 1 ? names[0] : counted(items.length, "file");
  const answer = { model: asked, results, items, title, when: new Date() };
  history.keep(answer, open);
  open(answer);
}

function open(answer) {
  showAnswer(answer);
  history.mark(answer);
  titled(`Answer: ${answer.title}`);
  announce(`${answer.title}: ${allSummary(answer.items)}`);
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
function showProgress(text) {
  byId("progress-text").textContent = text;
  announce(text);
  const since = Date.now();
  const count = () => {
    byId("elapsed").textContent = `${Math.round((Date.now() - since) / 1000)} s`;
  };
  const clock = setInterval(count, 1000);
  count();
  setBusy(true);
  byId("cancel").focus({ preventScroll: true });
  return () => {
    clearInterval(clock);
    setBusy(false);
  };
}

function setBusy(isBusy) {
  byId("progress").hidden = !isBusy;
  byId("asking").disabled = isBusy;
  byId("answer").classList.toggle("old", isBusy);
}

function showFault(fault, again) {
  history.mark(null);
  const isGivenUp = fault.name === "AbortError";
  const text = isGivenUp ? "You cancelled the question." : fault.message;
  const wait = fault.retryAfter ? ` It is worth trying again in ${counted(fault.retryAfter, "second")}.` : "";
  byId("answer").replaceChildren(
    make(
      "div",
      { class: isGivenUp ? "cancelled" : "failure" },
      make("p", {}, fault.status === 429 ? make("b", {}, "The service is busy. ") : null, text + wait),
      fault.isFinal ? null : make("button", { type: "button", click: again }, "Try again"),
    ),
  );
  titled(isGivenUp ? "Cancelled" : "No answer");
  announce(text);
}

function clearHistory() {
  history.clear();
  announce("Earlier answers were cleared.");
  byId("answer-title").focus();
}

listen(askChosen);
byId("again").addEventListener("click", () => askFiles(files));
byId("ask-sequences").addEventListener("click", askSequences);
byId("cancel").addEventListener("click", () => under?.abort());
byId("clear").addEventListener("click", clearHistory);
// The card would stand between the question and its answer.
byId("card-fold").open = !matchMedia(NARROW).matches;
start();
