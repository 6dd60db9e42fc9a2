// The page of an exported conformance suite: plays all of its trials through WebGPU and shows what came of them.
//
// `?only=TEXT` plays those alone that have the text in their path, such as `builtin/Conv/`.

import { Engine } from "./conformance/engine.js";
import { pathOf, readIndex } from "./conformance/folder.js";
import { COLUMNS, IS_NUMBER, cells, failureLine, isGood, resultOf, verdictOf } from "./conformance/totals.js";
import { play } from "./conformance/trials.js";
import { adapterName } from "./gpu/device.js";
import { announce, byId, complain, make } from "./markup.js";

/** For tests and scripts: what came of it, or in `error` why nothing did. */
window.gyrusConformance = run();

async function run() {
  try {
    const [engine, index] = await Promise.all([Engine.open(), readIndex(new URLSearchParams(location.search).get("only") ?? "")]);
    showDevice(engine.adapter);
    const result = await playAll(engine, index);
    showResult(result);
    return result;
  } catch (error) {
    complain("fault", error.message);
    byId("progress").hidden = true;
    announce(error.message);
    return { error: error.message, userAgent: navigator.userAgent };
  }
}

async function playAll(engine, index) {
  const begun = performance.now();
  const records = [];
  const result = () =>
    resultOf(
      {
        gyrus: index.gyrus,
        adapter: { ...engine.adapter, name: adapterName(engine.adapter) },
        userAgent: navigator.userAgent,
        notices: engine.notices,
        seconds: (performance.now() - begun) / 1000,
      },
      records,
      index.kernels,
    );
  showProgress(index.trials, 0, 0);
  for await (const record of play(engine, index.trials)) {
    records.push(record);
    const failed = records.filter(({ outcome }) => outcome === "failed" || outcome === "not_run").length;
    showProgress(index.trials, records.length, failed);
  }
  return result();
}

function showDevice(adapter) {
  const rows = [
    ["Adapter", adapterName(adapter)],
    ["Vendor", adapter.vendor],
    ["Architecture", adapter.architecture],
    ["Device", adapter.device],
    ["Subgroups", adapter.subgroups && `${[...new Set(adapter.subgroups)].join(" to ")} lanes`],
    ["Features", adapter.features.join(", ") || "none of those that would be used"],
    ["Browser", navigator.userAgent],
  ];
  const told = rows.filter(([, text]) => text);
  byId("device").replaceChildren(...told.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]));
}

function showProgress(trials, done, failed) {
  const next = trials[done];
  byId("progress").hidden = !next;
  byId("progress-bar").max = trials.length;
  byId("progress-bar").value = done;
  const soFar = failed ? `, ${failed} failed so far` : "";
  byId("progress-text").textContent = next ? `${done} of ${trials.length} done${soFar}: ${pathOf(next)}` : "";
}

function showResult(result) {
  const verdict = byId("verdict");
  verdict.textContent = verdictOf(result);
  verdict.className = isGood(result) ? "verdict good" : "verdict error";
  verdict.hidden = false;
  announce(verdict.textContent);
  byId("result").replaceChildren(
    ...[notices(result), failures(result), ...suites(result), skipped(result), unreached(result)].flat().filter(Boolean),
  );
}

function notices({ notices: texts }) {
  return texts.map((text) => make("p", { class: "warnings" }, text));
}

function failures({ failures: all }) {
  if (all.length === 0) return null;
  return [
    make("h2", {}, "Failed"),
    make("ul", { class: "failures" }, ...all.map((failure) => make("li", {}, failureLine(failure)))),
  ];
}

function suites({ suites: names, groups }) {
  return Object.keys(names).flatMap((suite) => {
    const rows = groups.filter((row) => row.suite === suite && row.skipped < row.cases);
    const caption = `Suite ${suite}: errors of f32, the one nearest to its bound`;
    return [make("h2", {}, `The ${suite} suite`), table(caption, COLUMNS, IS_NUMBER, rows.map(cells), rows.map(stateOf))];
  });
}

const stateOf = (row) => (row.failed || row.not_run ? "failed" : "");

function skipped({ skipped: rows }) {
  if (rows.length === 0) return null;
  const columns = ["runs", "reason", "kernels"];
  const texts = rows.map(({ runs, reason, kernels }) => [String(runs), reason, kernels.join(" ") || "-"]);
  const caption = "What was not played, with the reason given";
  return [make("h2", {}, "Skipped"), table(caption, columns, [true, false, false], texts)];
}

function unreached({ unreached: names }) {
  if (names.length === 0) return null;
  return [make("h2", {}, "Not used on this device"), make("p", { class: "names" }, names.join(" "))];
}

/** On a phone every row becomes a block, and each cell says its column. */
function table(caption, columns, areNumbers, rows, states = []) {
  const kind = (at) => (areNumbers[at] ? "number" : "");
  const head = columns.map((name, at) => make("th", { scope: "col", class: kind(at) }, name));
  const body = rows.map((texts, row) =>
    make("tr", { class: states[row] ?? "" }, ...texts.map((text, at) => cell(text, columns[at], kind(at), at === 0))),
  );
  return make(
    "table",
    {},
    make("caption", { class: "quiet" }, caption),
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...body),
  );
}

function cell(text, column, kind, isFirst) {
  const attributes = { class: kind, "data-column": column };
  return isFirst && !kind ? make("th", { scope: "row", ...attributes }, text) : make("td", attributes, text);
}
