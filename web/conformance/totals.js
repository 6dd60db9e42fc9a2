// What all records come to: plain data for the page, the tests and scripts, without a document.

import { ratio, worse } from "./judge.js";

const SUITE = { passed: 0, failed: 0, skipped: 0, not_run: 0 };

/**
 * The machine-readable result.
 *
 * @param {object} about what was played on: `gyrus`, `adapter`, `userAgent`, `notices`, `seconds`
 * @param {object[]} records of all trials
 * @param {string[]} known kernels of which some may not have been reached
 */
export function resultOf(about, records, known = []) {
  const kernels = kernelTotals(records);
  const named = records.flatMap((record) => record.runs.flatMap((run) => run.kernels));
  const unreached = [...new Set([...known, ...named])].filter((name) => !(name in kernels)).sort();
  return {
    ...about,
    suites: suiteTotals(records),
    kernels,
    failures: failures(records),
    skipped: skipped(records),
    unreached,
    groups: byOperator(records),
  };
}

export const isGood = ({ error, suites }) =>
  !error && Object.values(suites).every((suite) => suite.failed === 0 && suite.not_run === 0);

function suiteTotals(records) {
  const suites = {};
  for (const { suite, outcome } of records) {
    suites[suite] ??= { ...SUITE };
    suites[suite][outcome]++;
  }
  return suites;
}

/** Of runs: a kernel takes part in many trials, and in several runs of one. */
function kernelTotals(records) {
  const found = {};
  for (const { kernels, outcome } of records.flatMap((record) => record.runs)) {
    if (outcome === "skipped") continue;
    for (const name of kernels) {
      found[name] ??= { passed: 0, failed: 0 };
      found[name][outcome]++;
    }
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function failures(records) {
  return records.flatMap(({ suite, group, case: name, outcome, reason, runs }) => {
    const of = { suite, group, case: name };
    if (outcome === "not_run" || (outcome === "failed" && runs.length === 0)) return [{ ...of, kernels: [], reason }];
    const wrong = runs.filter((run) => run.outcome === "failed");
    return wrong.map((run) => ({
      ...of,
      kernels: run.kernels,
      precision: run.precision,
      element: run.element,
      reason: run.reason,
    }));
  });
}

/** Reasons with the runs that they keep from being played, the most frequent first. */
function skipped(records) {
  const found = new Map();
  for (const { kernels, outcome, reason } of records.flatMap((record) => record.runs)) {
    if (outcome !== "skipped") continue;
    if (!found.has(reason)) found.set(reason, { reason, runs: 0, kernels: new Set() });
    const row = found.get(reason);
    row.runs++;
    kernels.forEach((name) => row.kernels.add(name));
  }
  const rows = [...found.values()].sort((a, b) => b.runs - a.runs);
  return rows.map((row) => ({ ...row, kernels: [...row.kernels].sort() }));
}

/** As the command's table: cases are booked to the operator of their one node, and networks of several apart. */
function byOperator(records) {
  const found = new Map();
  for (const { suite, operator, outcome, runs, worst } of records) {
    const key = `${suite}/${operator}`;
    if (!found.has(key)) found.set(key, { suite, operator, cases: 0, ...SUITE, runs: 0, worst: null, kernels: new Set() });
    const row = found.get(key);
    row.cases++;
    row[outcome]++;
    row.worst = worse(row.worst, worst);
    for (const run of runs.filter((run) => run.outcome !== "skipped")) {
      row.runs++;
      run.kernels.forEach((name) => row.kernels.add(name));
    }
  }
  const rows = [...found.values()].sort((a, b) => (`${a.suite}/${a.operator}` < `${b.suite}/${b.operator}` ? -1 : 1));
  return rows.map(({ worst, kernels, ...row }) => ({
    ...row,
    kernels: [...kernels].sort(),
    worst: worst && { error: worst.error, bound: worst.bound, ratio: ratio(worst.error, worst.bound) },
  }));
}

/** The head of the table, and what is to the right in it. */
export const COLUMNS = ["operator", "cases", "passed", "skipped", "failed", "runs", "worst error", "bound", "ratio", "kernels"];
export const IS_NUMBER = COLUMNS.map((name) => !["operator", "kernels"].includes(name));

/** Kernels that a row names; the rest are counted. */
const MOST_KERNELS = 3;

/** The cells of an operator's row. */
export function cells({ operator, cases, passed, skipped: left, failed, not_run: rest, runs, worst, kernels }) {
  const wrong = rest ? `${failed} (+${rest} not run)` : String(failed);
  const errors = worst ? [worst.error, worst.bound, worst.ratio].map(number) : ["-", "-", "-"];
  return [operator, String(cases), String(passed), String(left), wrong, String(runs), ...errors, few(kernels)];
}

export function number(value) {
  return value === 0 ? "0" : value.toExponential(1);
}

function few(names) {
  if (names.length <= MOST_KERNELS) return names.join(" ") || "-";
  return `${names.slice(0, MOST_KERNELS - 1).join(" ")} and ${names.length + 1 - MOST_KERNELS} more`;
}

/** One line about everything. */
export function verdictOf(result) {
  const { adapter, suites } = result;
  const sums = Object.values(suites).reduce((all, one) => {
    const sum = (name) => all[name] + one[name];
    return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped"), not_run: sum("not_run") };
  }, SUITE);
  const cases = Object.values(sums).reduce((all, n) => all + n, 0);
  const rest = sums.not_run ? `, ${sums.not_run} not run` : "";
  return (
    `${adapter.name} ${isGood(result) ? "computes right" : "does NOT pass"}: of ${cases} cases ${sums.passed} passed, ` +
    `${sums.failed} failed, ${sums.skipped} skipped${rest}, in ${result.seconds.toFixed(0)} s`
  );
}

/** Where a failure lies and what it is, as one line. */
export function failureLine({ suite, group, case: name, kernels, precision, reason }) {
  const storing = precision === "f16" ? " storing f16" : "";
  const who = kernels.length ? `${kernels.join(", ")}${storing}: ` : "";
  return `${suite}/${group}/${name}: ${who}${reason}`;
}
