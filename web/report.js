// All that was answered together: a list where there are several files, and the one that is looked at.

import { allSummary, firstIndex, itemSummary } from "./answer.js";
import { layersOf, paint } from "./drawing.js";
import { byId, make } from "./markup.js";
import { viewOf } from "./viewer.js";

const THUMB = 96;
const LOOK = { opacity: 0.6, channel: 1 };

/** Shows an answer in its panel. */
export function showAnswer(answer) {
  const { items } = answer;
  const place = make("div", { class: "shown-item" });
  const first = Math.max(
    0,
    items.findIndex((item) => item.kind !== "failure"),
  );
  const list = items.length > 1 ? make("ul", { class: "results", "aria-label": "Files" }) : null;
  const open = (index) => {
    list?.querySelectorAll("[aria-current]").forEach((row) => row.removeAttribute("aria-current"));
    list?.children[index].querySelector("button")?.setAttribute("aria-current", "true");
    place.replaceChildren(itemView(items[index], answer));
  };
  const hasSequences = Boolean(answer.model.sequences);
  list?.append(...items.map((item, index) => row(item, hasSequences, () => open(index))));
  const said = list ? make("p", { class: "together" }, allSummary(items)) : null;
  byId("answer").replaceChildren(...[said, list, place].filter(Boolean));
  if (items.length) open(first);
}

function itemView(item, answer) {
  if (item.kind !== "failure") return withOrigin(viewOf(item, answer), answer.origin ?? []);
  return make("div", {}, make("h3", { class: "file" }, item.file), make("p", { class: "error" }, item.error));
}

/** Rows that the page itself has to say of where its answers come from. */
function withOrigin(view, rows) {
  const terms = rows.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]);
  view.querySelector(".facts-part > .facts")?.append(...terms);
  return view;
}

function row(item, hasSequences, open) {
  const words = [
    make("span", { class: "row-file" }, item.file),
    make("span", { class: "row-said" }, itemSummary(item)),
  ];
  if (item.kind === "failure")
    return make("li", { class: "failed" }, make("span", { class: "thumb" }, cross()), ...words);
  const canvas = make("canvas", { width: 1, height: 1 });
  showThumb(canvas, item, hasSequences);
  return make(
    "li",
    {},
    make(
      "button",
      { type: "button", click: open },
      make("span", { class: "thumb", "aria-hidden": "true" }, canvas),
      ...words,
    ),
  );
}

const cross = () => make("span", { class: "cross", "aria-hidden": "true" }, "×");

/** The thumbnails before: each holds its whole picture until it is drawn. */
let drawn = Promise.resolve();

function showThumb(canvas, item, hasSequences) {
  // One that cannot be drawn stays empty.
  drawn = drawn.then(() => drawThumb(canvas, item, hasSequences)).catch(() => {});
}

async function drawThumb(canvas, item, hasSequences) {
  const entry = item.entry ?? item.slices[firstIndex(item)]?.entry;
  // By its turn another answer may be shown.
  const layers = entry && canvas.isConnected && (await layersOf(entry, hasSequences, THUMB));
  if (layers) paint(canvas, layers, LOOK, THUMB);
}
