// The exported folder that this page lies in: which trials there are, their plans and numbers, and the texts of the kernels.

const INDEX = "index.json";

/** The list of all trials; `only` keeps those whose path has this text in it. */
export async function readIndex(only = "") {
  const index = JSON.parse(await read(INDEX, "text"));
  const trials = index.trials.filter((trial) => pathOf(trial).includes(only));
  if (trials.length === 0) throw new Error(`No trial of this folder has '${only}' in its name.`);
  return { ...index, trials };
}

export const pathOf = ({ suite, group, case: name }) => `${suite}/${group}/${name}`;

/** What a trial wants to have run, with its numbers. */
export async function readTrial({ file }) {
  const [text, bytes] = await Promise.all([read(`${file}.json`, "text"), read(`${file}.bin`, "arrayBuffer")]);
  const { runs, skipped } = JSON.parse(text);
  // Typed arrays are little-endian wherever there is WebGPU, and so is the file.
  const numbers = new Float32Array(bytes);
  const part = ({ start, count }) => {
    if (start + count > numbers.length) throw new Error(`${file}.bin ends early`);
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

/** The text of a kernel, asked for once. */
export function shader(name) {
  if (!texts.has(name)) texts.set(name, read(`shaders/${name}.wgsl`, "text"));
  return texts.get(name);
}

async function read(name, form) {
  let response;
  try {
    response = await fetch(name);
  } catch (cause) {
    throw new Error(`${name} cannot be read: ${cause.message}`, { cause });
  }
  if (!response.ok) throw new Error(`${name} is missing (status ${response.status})`);
  return response[form]();
}
