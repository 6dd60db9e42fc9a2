// The files of this site beside the page. Addresses are relative: nothing else is ever asked.

import { Refused } from "./scan.js";

const WHOLE = "The folder of this page must be copied as a whole.";
const TYPES = "Some hosts refuse endings that they do not know, such as .wgsl, until they are given a type for them.";

/** The model: its plan, its card, where its weights lie, samples. It is asked for anew at every visit, as others may have taken the place of what it names. */
export const modelFile = () => read("model.json", "json", { cache: "no-cache" });

const shaders = new Map();

/** The text of a kernel, which many steps may ask for at a time. */
export function shader(name) {
  if (!shaders.has(name)) {
    const text = read(`shaders/${encodeURIComponent(name)}.wgsl`, "text");
    // What failed is asked for anew.
    text.catch(() => shaders.delete(name));
    shaders.set(name, text);
  }
  return shaders.get(name);
}

export const samplePath = (file) => `samples/${encodeURIComponent(file)}`;

export const sampleBytes = (file) => read(samplePath(file), "blob");

/**
 * The numbers of a file, held to what `model.json` says of it.
 *
 * @param {{file: string, bytes: number, sha256: string}} of
 * @param {(part: number) => void} tell how much of it has come, from 0 to 1
 * @returns {Promise<Float32Array>}
 */
export async function numbers({ file, bytes, sha256 }, tell = () => {}) {
  const { body } = await fetched(file);
  const whole = await filled(file, body.getReader(), new Uint8Array(bytes), tell);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== sha256) throw new Refused(`${file} is damaged, or another one than this page's. ${WHOLE}`);
  return new Float32Array(whole.buffer);
}

async function filled(file, reader, bytes, tell) {
  for (let at = 0; ;) {
    const { done, value } = await reader.read().catch((error) => {
      throw lost(file, error);
    });
    if (done && at === bytes.length) return bytes;
    if (done) throw new Refused(`${file} ends early. ${WHOLE}`);
    if (at + value.length > bytes.length) throw new Refused(`${file} is longer than it should be. ${WHOLE}`);
    bytes.set(value, at);
    at += value.length;
    tell(at / bytes.length);
  }
}

/** A file in the form that this method of a response gives. */
async function read(path, form, options) {
  const response = await fetched(path, options);
  try {
    return await response[form]();
  } catch (cause) {
    throw cause instanceof SyntaxError ? new Refused(`${path} is damaged. ${WHOLE}`, { cause }) : lost(path, cause);
  }
}

const lost = (path, cause) => new Refused(`The connection was lost while ${path} came. Try again.`, { cause });

async function fetched(path, options) {
  const response = await fetch(path, options).catch((cause) => {
    throw new Refused(`${path} cannot be fetched: the host of this page cannot be reached. Try again.`, { cause });
  });
  if (response.ok) return response;
  const why = response.status === 404 ? `${WHOLE} ${TYPES}` : WHOLE;
  throw new Refused(`${path} cannot be fetched (status ${response.status}). ${why}`);
}
