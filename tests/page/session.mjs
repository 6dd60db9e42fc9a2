// A browser with the page of a running service, which must stay silent and ask no one else.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

export const SERVICE = process.env.GYRUS_URL;
assert.ok(SERVICE, "GYRUS_URL is the address of a running `gyrus serve`, such as http://127.0.0.1:8000/");

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const DESKTOP = { viewport: { width: 1360, height: 900 } };
export const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

let browser;

export async function launch() {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  // Containers run as root, where the sandbox does not.
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

export const close = () => browser?.close();

/** Runs a test on a page of its own, and holds it to what is true of every page. */
export async function withPage(options, test) {
  const context = await browser.newContext({ ...DESKTOP, ...options, acceptDownloads: true });
  const problems = [];
  await context.route(
    (url) => url.origin !== new URL(SERVICE).origin,
    (route) => {
      problems.push(`a request to ${route.request().url()}`);
      return route.abort();
    },
  );
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => problems.push(`an error: ${error}`));
  page.on("console", (message) => {
    if (isProblem(message)) problems.push(`on the console: ${message.text()}`);
  });
  try {
    await page.goto(SERVICE);
    // A browser that is steered can choose files where people cannot yet.
    await page.locator("#asking:not([disabled])").waitFor();
    await test(page);
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
}

/** Browsers put every status from 400 up on the console; those of the service are answers. */
function isProblem(message) {
  const isAnswer = message.text().startsWith("Failed to load resource") && message.location().url.includes("/v1/");
  return message.type() === "error" && !isAnswer;
}

/** Asks a sample, and waits for its answer. */
export async function askSample(page, title) {
  await page.getByRole("button", { name: title }).click();
  await answered(page);
}

/** Chooses files, and waits for the answer. */
export async function askFiles(page, files) {
  await page.locator("#files").setInputFiles(files);
  await answered(page);
}

export async function chooseModel(page, name) {
  await page.locator(`input[name="model"][value="${name}"]`).check();
}

export async function answered(page) {
  await page.locator("#answer-title:focus").waitFor();
  await page.locator("#progress").waitFor({ state: "hidden" });
}

/** Waits until the picture is drawn, and returns a number that changes when it does. */
export async function drawing(page) {
  await page.waitForFunction(() => document.querySelector(".stage canvas")?.width > 300);
  return page.evaluate(() => {
    const canvas = document.querySelector(".stage canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let at = 0; at < data.length; at++) sum = (Math.imul(sum, 31) + data[at]) | 0;
    return sum;
  });
}

/** Holds the page to axe's rules, and to its own width. */
export async function checkAccess(page, where) {
  // The policy forbids scripts in markup; what a debugger runs it leaves alone.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
  assert.deepEqual(found, [], where);
  // A phone's browser makes its window as wide as what does not fit, so the page is not asked for its width.
  const { width } = page.viewportSize();
  const content = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(content <= width, `${where}: ${content} pixels lie in ${width}`);
}
