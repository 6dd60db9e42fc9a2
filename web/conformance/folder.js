// The exported folder that this page lies in: which trials there are, their plans and numbers, and the texts of the kernels.

const INDEX = "index.json";

/** A file of the folder that is not to be had: no word about the GPU. */
export class Unread extends Error {
  name = "Unread";
}

/** The list of all trials; `only` keeps those whose path has this text in it. */
export async function readIndex(only = "") {
  const index = await read(INDEX, "json");
  const trials = index.trials.filter((trial) => pathOf(trial).includes(only));
  if (trials.length === 0) throw new Error(`No trial of this folder has '${only}' in its name.`);
  return { ...index, trials };
}

export const pathOf = ({ suite, group, case: name }) => `${suite}/${group}/${name}`;

/** What a trial wants to have run, with its numbers. */
export async function readTrial({ file }) {
  const [{ runs, skipped }, bytes] = await Promise.all([
    read(`${file}.json`, "json"),
    read(`${file}.bin`, "arrayBuffer"),
  ]);
  // Typed arrays are little-endian wherever there is WebGPU, and so is the file.
  const numbers = new Float32Array(bytes);
  const part = ({ start, count }) => {
    if (start + count > numbers.length) throw new Unread(`${file}.bin ends early`);
    return numbers.subarray(start, start + count);
  };
  const filled = (run) => ({
    ...run,
    weights: run.weights.map(part),
    inputs: run.inputs.map(part),
    expected: run.expected.map(part),
    bounds: run.bounds.map(part),
  });
  return { runs: runs.map(filled), skipped: skipped ?? [] };
}

const texts = new Map();

/** The text of a kernel, asked for once; what failed is asked for anew. */
export function shader(name) {
  if (!texts.has(name)) {
    const text = read(`shaders/${name}.wgsl`, "text");
    text.catch(() => texts.delete(name));
    texts.set(name, text);
  }
  return texts.get(name);
}

async function read(name, form) {
  const unread = (why) => (cause) => {
    throw new Unread(`${name} ${why(cause)}`, { cause });
  };
  const response = await fetch(name).catch(unread(({ message }) => `cannot be read: ${message}`));
  if (!response.ok) throw new Unread(`${name} is missing (status ${response.status})`);
  return response[form]().catch(unread(faultOf));
}

const faultOf = (cause) => (cause instanceof SyntaxError ? "is damaged" : `came only in part: ${cause.message}`);
