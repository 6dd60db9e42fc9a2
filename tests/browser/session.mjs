// Chromium with WebGPU, without a window; pages in it ask the folder's own server and no one else.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

// One set of packages serves both folders of tests.
const fromPage = createRequire(new URL("../page/package.json", import.meta.url));
const { chromium } = fromPage("playwright-core");
export const AXE = fromPage.resolve("axe-core/axe.min.js");

const QUIET = [
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Without a GPU, Chromium offers its software adapter only so. */
const WEBGPU = ["--enable-unsafe-webgpu"];

/** A machine that builds meanwhile may keep a browser waiting, in ms. */
const PATIENCE = 120_000;

export function launch({ webGpu = true } = {}) {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  // Containers run as root, where the sandbox does not.
  return chromium.launch({ executablePath, timeout: PATIENCE, args: ["--no-sandbox", ...QUIET, ...(webGpu ? WEBGPU : [])] });
}

/** Opens an address in a context of its own, hands the page over, and holds it to silence and to its own host. */
export async function withPage(browser, url, options, use) {
  const context = await browser.newContext(options);
  const problems = [];
  await context.route(
    (asked) => asked.origin !== new URL(url).origin,
    (route) => {
      problems.push(`a request to ${route.request().url()}`);
      return route.abort();
    },
  );
  if (options.before) await context.addInitScript(options.before);
  const page = await context.newPage();
  page.setDefaultNavigationTimeout(PATIENCE);
  page.on("pageerror", (error) => problems.push(`an error: ${error}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !isExpected(message)) problems.push(`on the console: ${message.text()}`);
  });
  try {
    await page.goto(url);
    const found = await use(page);
    assert.deepEqual(problems, []);
    return found;
  } finally {
    await context.close();
  }
}

/** A file that is missing is told on the page; Chromium puts it on the console too. */
const isExpected = (message) => message.text().startsWith("Failed to load resource");

/** What the page of an exported suite comes to. */
export const resultOf = (page) => page.evaluate(() => window.gyrusConformance);
