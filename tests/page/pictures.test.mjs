// Pictures of the page for docs/page, of a running service:
//
//     npm ci && GYRUS_URL=http://127.0.0.1:8000/ SCREENSHOTS=DIR npm run pictures

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { BAD, BRAIN, NO_SCAN, OTHER_SLICE, SLICE, TUMOUR, askDrawn, read } from "./questions.mjs";
import { PHONE, askFiles, askSample, close, drawing, launch, withPage } from "./session.mjs";

const FOLDER = process.env.SCREENSHOTS;
assert.ok(FOLDER, "SCREENSHOTS is the folder that the pictures are written to");

before(launch);
after(close);

const check = (name, body, options = {}) => test(name, () => withPage(options, body));

// A desktop shows the page from its top; on a phone the page has gone to the answer.
const shot = async (page, name) => {
  if (page.viewportSize().width > PHONE.viewport.width) await page.evaluate(() => scrollTo(0, 0));
  // What lies under the pointer would look chosen.
  await page.mouse.move(0, 0);
  await page.waitForTimeout(300);
  await page.screenshot({ path: join(FOLDER, `${name}.png`) });
};

check("desktop and dark", async (page) => {
  await askSample(page, BRAIN);
  await askSample(page, TUMOUR);
  await drawing(page);
  await shot(page, "desktop");
  await page.emulateMedia({ colorScheme: "dark" });
  await askSample(page, BRAIN);
  await drawing(page);
  await page.waitForTimeout(500);
  await shot(page, "dark");
});

check(
  "phone",
  async (page) => {
    await page.locator("#samples img").nth(3).waitFor();
    await shot(page, "phone-start");
    await askSample(page, TUMOUR);
    await drawing(page);
    await shot(page, "phone");
  },
  PHONE,
);

check("errors", async (page) => {
  await askFiles(page, [SLICE, OTHER_SLICE].map(read).concat(BAD));
  await askSample(page, NO_SCAN);
  await drawing(page);
  await shot(page, "refused");
  await askFiles(page, [SLICE, OTHER_SLICE].map(read).concat(BAD));
  await drawing(page);
  await page.waitForTimeout(500);
  await shot(page, "error");
});

check("volume", async (page) => {
  await askDrawn(page);
  await drawing(page);
  await shot(page, "volume");
});

check("start", async (page) => {
  await page.locator("#samples img").nth(3).waitFor();
  await shot(page, "start");
});
