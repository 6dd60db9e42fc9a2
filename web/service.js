// The service that this page came from. Addresses are relative: nothing else is ever asked.

import { worded } from "./answer.js";
import { askForToken } from "./token.js";

const TOKEN = "gyrus-token";

/** Why there is no answer, in words. */
export class Fault extends Error {
  constructor(text, { status = 0, retryAfter = null } = {}) {
    super(text);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether the same question may be answered a little later. */
  get isPassing() {
    return this.status === 429 || this.status === 503;
  }

  /** Whether the same question has the same end, however often it is asked. */
  get isFinal() {
    return this.status >= 400 && this.status < 500 && ![401, 408, 429].includes(this.status);
  }
}

export const models = () => json("v1/models");
export const samples = async () => (await json("v1/samples")).samples;
export const sampleBytes = async (url) => (await call(url)).blob();

/** Sends files; what is given up with `signal` throws an AbortError. */
export async function answers(path, settings, { headers, body }, signal) {
  const address = `${path}?${new URLSearchParams(settings)}`;
  return (await json(address, { method: "POST", headers, body, signal })).results;
}

async function json(address, init) {
  const response = await call(address, init);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Fault("The service's answer ended early. Try again.");
  }
}

async function call(address, init = {}) {
  for (;;) {
    const shown = keptToken();
    const response = await reach(address, withToken(init, shown));
    if (response.ok) return response;
    if (response.status !== 401) throw await faultOf(response);
    keepToken(await tokenGiven(shown !== null));
  }
}

/** The token that somebody gives; what no header can hold is none, and is asked for again. */
async function tokenGiven(isAgain) {
  const given = await askForToken(isAgain);
  if (given === null) throw new Fault("The service answers only with its token.", { status: 401 });
  return /^[\x20-\x7e]+$/.test(given) ? given : tokenGiven(true);
}

// Browsers that keep no site data throw on access; the token then holds until the page is left.
let token = null;

function keptToken() {
  try {
    return sessionStorage.getItem(TOKEN);
  } catch {
    return token;
  }
}

function keepToken(given) {
  token = given;
  try {
    sessionStorage.setItem(TOKEN, given);
  } catch {
    // It stays in `token`.
  }
}

function withToken(init, shown) {
  if (shown === null) return init;
  return { ...init, headers: { ...init.headers, Authorization: `Bearer ${shown}` } };
}

async function reach(address, init) {
  try {
    return await fetch(address, init);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    const text =
      "The service cannot be reached, or hung up. It may have ended, or the files may be larger than it takes.";
    throw new Fault(text);
  }
}

async function faultOf(response) {
  const said = await response.json().catch(() => ({}));
  const text =
    typeof said.error === "string" ? worded(said.error) : `The service answered with status ${response.status}.`;
  const seconds = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new Fault(text, { status: response.status, retryAfter: Number.isFinite(seconds) ? seconds : null });
}
