// Plays trials one after the other. What the next ones need is fetched and compiled meanwhile.

import { DeviceLost } from "../gpu/faults.js";
import { Unread, readTrial } from "./folder.js";
import { compare, worse } from "./judge.js";

/** Trials that are got ready while another is played. */
const AHEAD = 4;

/** Yields a record of every trial, as soon as it is there. */
export async function* play(engine, trials) {
  const ready = new Map();
  for (const [at, trial] of trials.entries()) {
    for (const next of trials.slice(at, at + 1 + AHEAD)) {
      if (!ready.has(next)) ready.set(next, prepared(engine, next));
    }
    yield await record(engine, trial, ready.get(trial));
    ready.delete(trial);
  }
}

function prepared(engine, trial) {
  const problem = readTrial(trial);
  // Whoever plays the trial hears of what is missing.
  problem.then(({ runs }) => engine.prepare(runs)).catch(() => {});
  return problem;
}

async function record(engine, trial, problem) {
  const { suite, group, operator, case: name } = trial;
  const begun = performance.now();
  const done = await verdict(engine, trial, problem);
  return { suite, group, operator, case: name, ...done, seconds: (performance.now() - begun) / 1000 };
}

async function verdict(engine, trial, problem, isLast = false) {
  if (engine.stopped) return notRun(engine.stopped);
  try {
    return await judged(engine, await problem);
  } catch (error) {
    // A host that was out of reach for a moment, no more.
    if (error instanceof Unread) {
      return isLast ? notRun(error.message) : verdict(engine, trial, prepared(engine, trial), true);
    }
    if (!(error instanceof DeviceLost)) return failed(error.message);
    return (await engine.recover(error)) ? verdict(engine, trial, problem, isLast) : failed(error.message);
  }
}

const failed = (reason) => ({ outcome: "failed", reason, runs: [] });
const notRun = (reason) => ({ outcome: "not_run", reason, runs: [] });

async function judged(engine, { runs, skipped }) {
  const told = [];
  for (const run of runs) told.push(await judgedRun(engine, run));
  // What the exporter could not plan is no run.
  told.push(...skipped.map(({ reason, kernels = [] }) => ({ kernels, outcome: "skipped", reason })));
  return { outcome: outcomeOf(told), runs: told, worst: told.reduce((all, run) => worse(all, run.worst), null) };
}

/** Failed where any run was, skipped where none was played. */
function outcomeOf(runs) {
  if (runs.some((run) => run.outcome === "failed")) return "failed";
  return runs.length > 0 && runs.every((run) => run.outcome === "skipped") ? "skipped" : "passed";
}

async function judgedRun(engine, run) {
  const { kernels, precision } = run;
  const reason = engine.unfit(run);
  if (reason) return { kernels, precision, outcome: "skipped", reason };
  try {
    const outputs = await engine.play(run);
    const { worst, fault, element } = compare(run.expected, outputs, run.bounds);
    // The error of f16 would hide that of f32.
    const told = { kernels, precision, worst: precision === "f16" ? null : worst };
    return fault ? { ...told, outcome: "failed", reason: fault, element } : { ...told, outcome: "passed" };
  } catch (error) {
    // What another try may mend is no verdict.
    if (error instanceof DeviceLost || error instanceof Unread) throw error;
    return { kernels, precision, outcome: "failed", reason: error.message };
  }
}
