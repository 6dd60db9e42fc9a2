// Plays an exported conformance suite in Chromium and prints the page's table: `scripts/browser` calls it.
//
//     node tests/browser/play.mjs DIR [--only TEXT] [--record FILE] [--screenshot FILE]

import { appendFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { COLUMNS, IS_NUMBER, cells, failureLine, isGood, verdictOf } from "../../web/conformance/totals.js";
import { serve } from "./serve.mjs";
import { launch, resultOf, withPage } from "./session.mjs";

/** How often to tell how far it is, in ms. */
const TELL = 20_000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string", default: "" },
    record: { type: "string" },
    screenshot: { type: "string" },
  },
});
const [folder] = positionals;
if (!folder) {
  console.error("usage: node tests/browser/play.mjs DIR [--only TEXT] [--record FILE] [--screenshot FILE]");
  process.exit(2);
}

const { browser: version, result } = await played().catch((error) => ({ result: { error: error.message.split("\n")[0] } }));
if (result.error) {
  console.error(`browser: ${result.error}`);
  process.exitCode = 2;
} else {
  print(result);
  process.exitCode = isGood(result) ? 0 : 1;
}
if (options.record && !result.error) {
  const { gyrus, adapter, suites, kernels, failures, unreached, skipped, notices, seconds } = result;
  const line = { kind: "browser", browser: `Chromium ${version}`, gyrus, adapter, suites, kernels, failures };
  const rest = { unreached, skipped, notices, seconds: Math.round(seconds) };
  appendFileSync(options.record, `${JSON.stringify({ ...line, ...rest })}\n`);
}

async function played() {
  const server = await serve(folder);
  let browser;
  try {
    browser = await launch();
    const url = `${server.url}conformance.html?${new URLSearchParams({ only: options.only })}`;
    const result = await withPage(browser, url, {}, async (page) => {
      const telling = setInterval(() => tell(page), TELL);
      try {
        return await resultOf(page);
      } finally {
        clearInterval(telling);
        if (options.screenshot) await page.screenshot({ path: options.screenshot, fullPage: true });
      }
    });
    return { browser: browser.version(), result };
  } finally {
    await browser?.close();
    await server.close();
  }
}

/** The page may be gone by then. */
async function tell(page) {
  const text = await page.locator("#progress-text").textContent().catch(() => "");
  if (text) console.error(`browser: ${text}`);
}

function print(result) {
  for (const suite of Object.keys(result.suites)) {
    console.log(`${suite} on ${result.adapter.name}, ${result.userAgent}\n`);
    const rows = result.groups.filter((row) => row.suite === suite && row.skipped < row.cases);
    printTable(COLUMNS, IS_NUMBER, rows.map(cells));
  }
  if (result.skipped.length) {
    console.log("Skipped, with the reason given\n");
    const rows = result.skipped.map(({ runs, reason, kernels }) => [String(runs), reason, kernels.join(" ") || "-"]);
    printTable(["runs", "reason", "kernels"], [true, false, false], rows);
  }
  if (result.failures.length) console.log(`Failed\n\n${result.failures.map(failureLine).join("\n")}\n`);
  if (result.unreached.length) console.log(`Not used on this device: ${result.unreached.join(", ")}\n`);
  result.notices.forEach((notice) => console.log(notice));
  console.log(verdictOf(result));
}

function printTable(columns, areNumbers, rows) {
  const lines = [columns, ...rows];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at].length)));
  const padded = (text, at) => (areNumbers[at] ? text.padStart(widths[at]) : text.padEnd(widths[at]));
  for (const line of lines) console.log(line.map(padded).join("  ").trimEnd());
  console.log();
}
