// The models of the service: which one is asked, and what its card says.

import { byId, make } from "./markup.js";

const PATHS = { classification: "v1/classify", segmentation: "v1/segment" };
const TASKS = { classification: "classifies", segmentation: "segments" };

export const pathOf = (model) => PATHS[model.task];
export const versionOf = (model) => (model.version ? `${model.name} v${model.version}` : model.name);
export const isUsable = (model) => model.ready && model.task in PATHS;

/** Lists the models for choosing; `onChoice` hears of each choice, the first one included. */
export function listModels(models, onChoice) {
  const list = byId("models");
  const before = list.querySelector("input:checked");
  const wasFocused = before !== null && before === document.activeElement;
  list.replaceChildren(list.querySelector("legend"), ...models.map(option));
  const inputs = [...list.querySelectorAll("input")];
  list.onchange = () => onChoice(models[inputs.findIndex((input) => input.checked)]);
  const kept = models.findIndex((model) => model.name === before?.value && isUsable(model));
  if (kept >= 0) {
    inputs[kept].checked = true;
    if (wasFocused) inputs[kept].focus();
    return;
  }
  const first = models.findIndex(isUsable);
  if (first < 0) return;
  inputs[first].checked = true;
  list.onchange();
}

/** Chooses a model as a click on it would. */
export function choose(name) {
  const input = [...byId("models").querySelectorAll("input")].find((one) => one.value === name);
  if (!input || input.checked) return;
  input.checked = true;
  byId("models").onchange();
}

function option(model) {
  const usable = isUsable(model);
  const why = model.error ?? (model.ready ? "not for scans" : "not loaded");
  return make(
    "label",
    { class: usable ? "model" : "model off" },
    make("input", { type: "radio", name: "model", value: model.name, disabled: !usable && "" }),
    make(
      "span",
      {},
      make(
        "span",
        { class: "model-name" },
        model.name,
        usable ? make("span", { class: "tag" }, TASKS[model.task]) : null,
      ),
      make("span", { class: "quiet" }, usable ? (model.title ?? "") : `Not to be had: ${why}`),
    ),
  );
}

/** Shows what the card of a model says. */
export function showCard(model) {
  const rows = [
    ["Made for", model.intended_use],
    ["Labels", model.labels?.join(", ")],
    ["Sequences", model.sequences?.join(", ")],
    ["Licence", model.licence],
  ];
  const limits = limitsOf(model);
  const known = rows.filter(([, text]) => text);
  byId("card").replaceChildren(
    make("p", { class: "card-title" }, make("b", {}, versionOf(model)), model.title ? `: ${model.title}` : ""),
    ...(limits ? [make("h3", {}, "Limits"), limits] : []),
    make(
      "dl",
      { class: "facts stacked" },
      ...known.map(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]).flat(),
    ),
  );
  byId("card-part").hidden = false;
}

/** The limits that a card states, or null. */
export function limitsOf(model) {
  if (!model.limits?.length) return null;
  return make("ul", { class: "limits" }, ...model.limits.map((text) => make("li", {}, text)));
}
