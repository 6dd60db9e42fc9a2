// Earlier answers: in memory alone.

import { byId, make } from "./markup.js";
import { allSummary } from "./answer.js";
import { versionOf } from "./models.js";

/** Answers, and the letters of their pictures, masks and montages: more would fill the browser's memory. */
const MOST = 25;
const MOST_LETTERS = 256 << 20;

let kept = [];

/** Keeps an answer; `onOpen` shows it again. */
export function keep(answer, onOpen) {
  kept = [{ answer, onOpen, letters: lettersOf(answer) }, ...kept].slice(0, MOST);
  // The newest stays, whatever it holds.
  while (kept.length > 1 && kept.reduce((sum, one) => sum + one.letters, 0) > MOST_LETTERS) kept.pop();
  list();
}

function lettersOf({ results }) {
  const long = results.flatMap((entry) => [entry.picture, entry.mask, entry.montage, entry.overlay]);
  return long.reduce((sum, text) => sum + (text?.length ?? 0), 0);
}

/** Marks which answer is shown; null where none is. */
export function mark(answer) {
  for (const button of byId("history").querySelectorAll("button")) button.removeAttribute("aria-current");
  const index = kept.findIndex((one) => one.answer === answer);
  byId("history").querySelectorAll("button")[index]?.setAttribute("aria-current", "true");
}

export function clear() {
  kept = [];
  list();
}

function list() {
  byId("history-part").hidden = kept.length === 0;
  byId("history").replaceChildren(...kept.map(row));
}

function row({ answer, onOpen }) {
  const time = answer.when.toLocaleTimeString("en-GB");
  return make(
    "li",
    {},
    make(
      "button",
      { type: "button", click: () => onOpen(answer) },
      make("time", { datetime: answer.when.toISOString() }, time),
      make("span", { class: "history-name" }, answer.title),
      make("span", { class: "history-summary" }, allSummary(answer.items)),
      make("span", { class: "quiet" }, versionOf(answer.model)),
    ),
  );
}
