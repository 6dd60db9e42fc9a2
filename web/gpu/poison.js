// A run on memory full of a pattern, which shows what a kernel failed to write and what it wrote elsewhere. As
// `src/gpu/poison.rs`.

import { GpuFault } from "./faults.js";
import { memories, placeOf, precisionOf } from "./memory.js";
import { rowBytes } from "./texels.js";

/** A quiet NaN whose payload no arithmetic produces. Either half of it is a NaN in f16. */
const POISON = 0x7fa57eed;

let pattern = new Uint32Array();

function poison(words) {
  if (pattern.length < words) pattern = new Uint32Array(words).fill(POISON);
  return pattern.subarray(0, words);
}

/** Looks at a plan's memory before and after a run. */
export class Witness {
  constructor(plan) {
    this.plan = plan;
    this.gaps = memories(plan).flatMap(({ buffer, size }) =>
      gaps(plan, buffer, size).map((gap) => ({ buffer, ...gap, read: readable(buffer, gap) })),
    );
  }

  fill(memory) {
    for (const { buffer, size } of memories(this.plan)) memory.write({ buffer, offset: 0 }, poison(size / 4));
  }

  /** What has to be read after the run. */
  get ranges() {
    return this.gaps.map((gap) => gap.read);
  }

  /** Throws if an element of an output is still the pattern, or nobody's memory is no more. */
  check(outputs, between) {
    this.plan.outputs.forEach((port, at) => {
      const element = outputs[at].indexOf(POISON);
      if (element >= 0) throw new GpuFault(`element ${element} of output '${port.name}' was never written`);
    });
    this.gaps.forEach((gap, at) => checkGap(gap, between[at]));
  }
}

function checkGap({ buffer, start, end, read }, words) {
  for (let byte = start; byte < end; byte += 4) {
    if (words[(byte - read.offset) / 4] === POISON) continue;
    const { kind, index } = placeOf(buffer);
    throw new GpuFault(`byte ${byte} of ${kind} ${index}, which is nobody's, was written`);
  }
}

/** The range that holds a gap and can be copied: of textures whole rows. */
function readable(buffer, { start, end }) {
  const { kind } = placeOf(buffer);
  const unit = kind === "slab" ? 4 : rowBytes(precisionOf(kind));
  const offset = Math.floor(start / unit) * unit;
  return { buffer, offset, size: Math.ceil(end / unit) * unit - offset };
}

/** What lies in a slab or texture of this size between the ranges that steps, inputs and outputs use, in bytes. */
export function gaps(plan, buffer, size) {
  const name = JSON.stringify(buffer);
  const ofSteps = plan.steps.flatMap((step) => [...step.inputs, step.output]);
  const ofPorts = [...plan.inputs, ...plan.outputs].map((port) => port.range);
  const used = [...ofSteps, ...ofPorts].filter((range) => JSON.stringify(range.buffer) === name);
  used.sort((a, b) => a.offset - b.offset);
  const found = [];
  let covered = 0;
  for (const range of [...used, { offset: size, size: 0 }]) {
    if (range.offset > covered) found.push({ start: covered, end: range.offset });
    covered = Math.max(covered, range.offset + range.size);
  }
  return found;
}
