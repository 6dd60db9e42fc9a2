// Earlier answers: in memory alone.

import { byId, make } from "./markup.js";
import { allSummary } from "./answer.js";
import { versionOf } from "./models.js";

/** Volumes come with pictures of all their slices: more would fill the browser's memory. */
const MOST = 25;

let kept = [];

/** Keeps an answer; `onOpen` shows it again. */
export function keep(answer, onOpen) {
  kept = [{ answer, onOpen }, ...kept].slice(0, MOST);
  list();
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
