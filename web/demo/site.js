// The files of this site beside the page. Addresses are relative: nothing else is ever asked.

import { Refused } from "./scan.js";

const WHOLE = "The folder of this page must be copied as a whole.";

/** The model: its plan, its card, where its weights lie, samples. */
export async function modelFile() {
  const response = await fetched("model.json");
  try {
    return await response.json();
  } catch (error) {
    throw new Refused(`model.json is damaged. ${WHOLE}`, { cause: error });
  }
}

const shaders = new Map();

/** The text of a kernel, which many steps may ask for at a time. */
export function shader(name) {
  if (!shaders.has(name)) {
    const text = fetched(`shaders/${encodeURIComponent(name)}.wgsl`).then((response) => response.text());
    // What failed is asked for anew.
    text.catch(() => shaders.delete(name));
    shaders.set(name, text);
  }
  return shaders.get(name);
}

export const samplePath = (file) => `samples/${encodeURIComponent(file)}`;

export const sampleBytes = async (file) => (await fetched(samplePath(file))).blob();

/**
 * The weights, as many lists as there are spans.
 *
 * @param {{start: number, count: number}[]} spans
 * @param {(part: number) => void} tell how much of them has come, from 0 to 1
 * @returns {Promise<Float32Array[]>}
 */
export async function weights(spans, tell) {
  const length = 4 * spans.reduce((end, { start, count }) => Math.max(end, start + count), 0);
  const { body } = await fetched("weights.bin");
  const bytes = await filled(body.getReader(), new Uint8Array(length), tell);
  return spans.map(({ start, count }) => new Float32Array(bytes.buffer, 4 * start, count));
}

async function filled(reader, bytes, tell) {
  for (let at = 0; at < bytes.length;) {
    const { done, value } = await reader.read().catch(() => ({ done: true }));
    if (done) throw new Refused(`weights.bin ends early. ${WHOLE}`);
    bytes.set(value.subarray(0, bytes.length - at), at);
    at += value.length;
    tell(Math.min(at / bytes.length, 1));
  }
  reader.cancel().catch(() => {});
  return bytes;
}

async function fetched(path) {
  const response = await fetch(path).catch((error) => {
    throw new Refused(`${path} cannot be fetched: the host of this page cannot be reached.`, { cause: error });
  });
  if (!response.ok) throw new Refused(`${path} cannot be fetched (status ${response.status}). ${WHOLE}`);
  return response;
}
