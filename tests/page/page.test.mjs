// The page of `gyrus serve`, in a browser, before a running service:
//
//     npm ci && GYRUS_URL=http://127.0.0.1:8000/ npm test

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { BAD, BRAIN, NO_SCAN, OTHER_SLICE, SLICE, TUMOUR, askDrawn, drop, nifti, read } from "./questions.mjs";
import { SAMPLES, averageBrain, drawnSequence } from "./scans.mjs";
import {
  DESKTOP,
  PHONE,
  answered,
  askFiles,
  askSample,
  checkAccess,
  chooseModel,
  close,
  drawing,
  launch,
  withPage,
} from "./session.mjs";

before(launch);
after(close);

const check = (name, body, options = {}) => test(name, () => withPage(options, body));

check("a sample is classified with one click", async (page) => {
  await askSample(page, BRAIN);
  const bars = page.locator(".bar");
  assert.equal(await bars.count(), 4);
  const numbers = await page.locator(".bar-number").allTextContents();
  const sum = numbers.reduce((total, text) => total + Number.parseFloat(text), 0);
  assert.ok(Math.abs(sum - 100) < 0.5, numbers.join(" "));
  assert.match(await page.locator(".headline").textContent(), /Demented/);
  const facts = await page.locator(".facts-part").textContent();
  assert.match(facts, /alzheimer v1.*Device.*Time[\d.,]+ ms/);
  assert.match(facts, /For research use only/);
  assert.match(await page.locator("#research").textContent(), /For research use only: not a medical device/);
  // What the card says the model is not good for.
  assert.ok((await page.locator(".facts-part .limits li").count()) > 0);
  await drawing(page);
});

check("what is no scan gets reasons and no label", async (page) => {
  await askSample(page, NO_SCAN);
  assert.match(await page.locator(".refusal").textContent(), /No prediction.*coloured/);
  assert.equal(await page.locator(".headline").count(), 0);
  assert.ok(await page.locator(".bars").isHidden());
});

check("a mask lies over its scan, as strong as the slider says", async (page) => {
  await askSample(page, TUMOUR);
  assert.match(await page.locator(".facts-part").textContent(), /\d+ pixels 0\.\d\d % of the picture/);
  assert.match(await page.locator(".facts-part").textContent(), /Areanot known: the file does not say how large a pixel is/);
  const drawn = [await drawing(page)];
  for (const value of ["0", "100"]) {
    await page.locator(".opacity").fill(value);
    drawn.push(await drawing(page));
  }
  await page.locator(".shown").selectOption({ label: "post-contrast" });
  drawn.push(await drawing(page));
  assert.equal(new Set(drawn).size, drawn.length);
});

check("a bad file is refused in words", async (page) => {
  await askFiles(page, BAD);
  assert.equal(await page.locator("#answer-title").textContent(), "No answer");
  assert.match(await page.locator(".failure").textContent(), /notes\.txt.*NIfTI/);
  await askFiles(page, SLICE);
  assert.equal(await page.locator(".bar").count(), 4);
});

check("a phone takes the photo itself", async (page) => {
  const [chooser] = await Promise.all([
    page.waitForEvent("filechooser"),
    page.getByRole("button", { name: "Take a photo" }).click(),
  ]);
  assert.equal(await chooser.element().getAttribute("capture"), "environment");
  await chooser.setFiles(SLICE);
  await answered(page);
  assert.equal(await page.locator(".bar").count(), 4);
}, PHONE);

check("an empty file is refused beside its button", async (page) => {
  await page.locator("#files").setInputFiles({ name: "empty.png", mimeType: "image/png", buffer: Buffer.alloc(0) });
  await page.locator("#files-error", { hasText: "empty.png is empty" }).waitFor();
  // Among others it is one that failed.
  await askFiles(page, [read(SLICE), { name: ".gitkeep", mimeType: "", buffer: Buffer.alloc(0) }]);
  assert.match(await page.locator(".together").textContent(), /1 file answered, 1 failed/);
  assert.ok(await page.locator("#files-error").isHidden());
});

check("of many files a bad one costs the others nothing", async (page) => {
  await askFiles(page, [SLICE, OTHER_SLICE].map(read).concat(BAD));
  assert.match(await page.locator(".together").textContent(), /2 files answered, 1 failed/);
  assert.match(await page.locator(".failed").textContent(), /notes\.txt/);
  const first = await drawing(page);
  await page
    .getByRole("button", { name: /icbm152_z24/ })
    .first()
    .click();
  assert.notEqual(await drawing(page), first);
  assert.match(await page.locator(".file").textContent(), /icbm152_z24/);
  const { results } = JSON.parse(await download(page, "JSON of all", "3 files_alzheimer.json"));
  assert.equal(results.length, 3);
});

check("a file may be called like a slice", async (page) => {
  await askFiles(page, [read(SLICE), { ...BAD, name: "slice 12" }]);
  assert.match(await page.locator(".together").textContent(), /1 file answered, 1 failed/);
  assert.match(await page.locator(".failed").textContent(), /slice 12/);
});

check("pixels that are higher than wide are drawn so", async (page) => {
  await chooseModel(page, "tumor");
  await page.locator(".cut summary").click();
  await page.locator("#axis").selectOption("coronal");
  await page.locator("#one-for-all").check();
  await askFiles(page, nifti("flair", drawnSequence("flair")));
  await drawing(page);
  const [width, height] = await page.evaluate(() => {
    const canvas = document.querySelector(".stage canvas");
    return [canvas.width, canvas.height];
  });
  // 128 voxels of 1.875 mm, 17 of 5 mm.
  assert.ok(Math.abs(width / height - (128 * 1.875) / (17 * 5)) < 0.02, `${width} x ${height}`);
});

check("three sequences are segmented, and their slices gone through", async (page) => {
  await askDrawn(page);
  assert.match(await page.locator(".headline").first().textContent(), /^[\d.]+ ml/);
  assert.match(await page.locator(".facts-part").textContent(), /Slices marked\d+ of 17/);
  assert.match(await page.locator(".this-slice").textContent(), /[\d.,]+ [cm]m²/);
  const first = await drawing(page);
  const at = () => page.locator(".slice").inputValue().then(Number);
  const start = await at();
  // The focus is on the answer's title.
  await page.keyboard.press("ArrowRight");
  assert.equal(await at(), start + 1);
  assert.notEqual(await drawing(page), first);
  await page.locator(".stage").hover();
  await page.mouse.wheel(0, 100);
  while ((await at()) === start + 1) await page.waitForTimeout(50);
  assert.equal(await at(), start + 2);
  await page.locator(".slice").focus();
  await page.keyboard.press("Home");
  assert.equal(await at(), 0);
  assert.match(await page.locator(".this-slice h3").textContent(), /^Axial slice 0$/);
  assert.match(await page.locator(".slice").getAttribute("aria-valuetext"), /axial slice 0: /);
  const mask = gunzipSync(await download(page, "Mask (NIfTI)", "flair_mask.nii.gz"));
  assert.equal(mask.toString("latin1", 344, 347), "n+1");
  assertPng(await download(page, "Montage (PNG)", "flair_montage.png"));
  assertPng(await download(page, "Slice overlay (PNG)", "flair_axial_000_overlay.png"));
});

check("three sequences want FLAIR", async (page) => {
  await chooseModel(page, "tumor");
  await page.locator("#sequence-pre").setInputFiles(nifti("pre", drawnSequence("pre")));
  await page.locator("#ask-sequences").click();
  assert.match(await page.locator("#sequences-error").textContent(), /FLAIR/);
  assert.equal(await page.evaluate(() => document.activeElement.id), "sequence-flair");
});

check("one sequence stands for all where that is allowed", async (page) => {
  await chooseModel(page, "tumor");
  await askFiles(page, nifti("flair", drawnSequence("flair")));
  assert.match(await page.locator(".failure").textContent(), /Let one sequence stand for all/);
  await page.locator("#one-for-all").check();
  await page.locator("#again").click();
  await page.locator(".slice").waitFor();
  assert.match(await page.locator(".warnings").first().textContent(), /FLAIR/);
});

check("a volume is classified slice by slice, as far as it is asked", async (page) => {
  await page.locator(".cut summary").click();
  await page.locator("#slices").selectOption("range");
  await page.locator("#first").fill("4");
  await page.locator("#last").fill("1");
  await page.locator("#files").setInputFiles(nifti("brain", averageBrain()));
  assert.match(await page.locator("#cut-error").textContent(), /1, lies before the first, 4/);
  await page.locator("#last").fill("5");
  await page.locator("#again").click();
  await answered(page);
  assert.match(await page.locator(".refusal").first().textContent(), /No prediction.*not aligned/);
  assert.equal(await page.locator(".slice").getAttribute("max"), "1");
});

check("a slice that failed is said to, and the others are shown", async (page) => {
  const origin = { file: "head.nii.gz", axis: "axial", model: "alzheimer", device: "cpu", milliseconds: 3 };
  const answer = { ...origin, prediction: "a", probabilities: { a: 0.8, b: 0.2 }, warnings: [], picture: null };
  const results = [
    { ...answer, slice: 4 },
    { file: "head.nii.gz", error: "slice 5: not a number" },
    { ...answer, slice: null, slices: 2, passed: 1, rule: "mean", notes: ["padding counts as 0"] },
  ];
  await page.route("**/v1/classify?*", (route) => route.fulfill({ json: { results } }));
  await askFiles(page, read(SLICE));
  assert.match(await page.locator(".this-slice .error").textContent(), /^not a number$/);
  assert.match(await page.locator(".notes").textContent(), /padding/);
  await page.keyboard.press("ArrowLeft");
  assert.match(await page.locator(".this-slice").textContent(), /Axial slice 4a probability 80\.0 %/);
});

check("of a slice that failed there is nothing to save", async (page) => {
  await page.route("**/v1/segment?*", async (route) => {
    const response = await route.fetch();
    const { results } = await response.json();
    const index = results.findIndex((entry) => entry.slice === 0);
    results[index] = { file: results[index].file, error: "slice 0: not a number" };
    await route.fulfill({ response, json: { results } });
  });
  await askDrawn(page);
  const ofSlice = ["Slice mask (PNG)", "Slice overlay (PNG)"].map((name) => page.getByRole("button", { name }));
  for (const button of ofSlice) assert.ok(await button.isEnabled());
  await page.locator(".slice").focus();
  await page.keyboard.press("Home");
  assert.match(await page.locator(".this-slice .error").textContent(), /not a number/);
  for (const button of ofSlice) assert.ok(await button.isDisabled());
  // At once, before it is drawn, what is saved is the slice's own.
  await page.keyboard.press("ArrowRight");
  assertPng(await download(page, "Slice overlay (PNG)", "flair_axial_001_overlay.png"));
});

check("keys alone will do", async (page) => {
  const focused = () =>
    page.evaluate(() => document.activeElement.id || document.activeElement.className || document.activeElement.name);
  const tabTo = async (wanted) => {
    for (let tries = 0; tries < 40; tries++) {
      await page.keyboard.press("Tab");
      if ((await focused()) === wanted) return;
    }
    assert.fail(`the tab key does not come to ${wanted}`);
  };
  await page.locator("#samples button").first().waitFor();
  page.on("filechooser", (chooser) => chooser.setFiles(join(SAMPLES, "patients", "drawn", "09.png")));
  await tabTo("model");
  await page.keyboard.press("ArrowDown");
  await tabTo("choose");
  await page.keyboard.press("Enter");
  await answered(page);
  const before = await drawing(page);
  await tabTo("opacity");
  await page.keyboard.press("ArrowRight");
  assert.notEqual(await drawing(page), before);
  await tabTo("theme");
  await page.keyboard.press("Space");
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
});

check("scans may be dropped anywhere, one or many", async (page) => {
  await page.locator("#samples button").first().waitFor();
  const [slice, other] = [SLICE, OTHER_SLICE].map((path) => [...readFileSync(path)]);
  await drop(page, [["dropped.png", slice]]);
  await answered(page);
  assert.match(await page.locator("#answer-title").textContent(), /dropped\.png/);
  await drop(page, [["one.png", slice], ["two.png", other], ["three.txt", [1, 2, 3]]]);
  await page.locator(".together", { hasText: "2 files answered, 1 failed" }).waitFor();
});

check("a DICOM file is answered", async (page) => {
  const path = new URL("../fixtures/dicom/implicit.dcm", import.meta.url);
  await askFiles(page, { name: "implicit.dcm", mimeType: "application/dicom", buffer: readFileSync(path) });
  assert.match(await page.locator("#answer-title").textContent(), /^Answer: implicit\.dcm$/);
  assert.equal(await page.locator(".failure").count(), 0);
  await drawing(page);
});

check("several DICOM files are sent as one archive, without their names", async (page) => {
  const dicom = (name) => ({
    name,
    mimeType: "",
    buffer: Buffer.concat([Buffer.alloc(128), Buffer.from("DICM"), Buffer.from(name)]),
  });
  const sent = page.waitForRequest(/v1\/classify/);
  await askFiles(page, [dicom("jane-doe-1.dcm"), dicom("jane-doe-2.dcm")]);
  const request = await sent;
  assert.match(request.headers()["x-file-name"], /2%20DICOM%20files\.zip/);
  assert.match(await page.locator(".failure").textContent(), /2 DICOM files\.zip/);
});

check("earlier answers open again, and go when they are cleared", async (page) => {
  await askSample(page, BRAIN);
  await askSample(page, TUMOUR);
  const rows = page.locator("#history button");
  assert.equal(await rows.count(), 2);
  await rows.last().click();
  await page.locator(".bar").first().waitFor();
  assert.match(await page.locator("#answer-title").textContent(), /icbm152_z10\.png/);
  assert.equal(await rows.last().getAttribute("aria-current"), "true");
  const stored = () => page.evaluate(() => [Object.keys(localStorage), Object.keys(sessionStorage)]);
  assert.deepEqual(await stored(), [[], []]);
  await page.locator("#theme").click();
  assert.deepEqual(await stored(), [["gyrus-theme"], []]);
  await page.locator("#clear").click();
  assert.ok(await page.locator("#history-part").isHidden());
  // In the page alone: it goes with it.
  await askSample(page, BRAIN);
  assert.ok(await page.locator("#history-part").isVisible());
  await page.reload();
  await page.locator("#samples button").first().waitFor();
  assert.ok(await page.locator("#history-part").isHidden());
});

check("mask, overlay and JSON are saved", async (page) => {
  await askSample(page, TUMOUR);
  await drawing(page);
  const mask = await download(page, "Mask (PNG)", "drawn-tumour_mask.png");
  assertPng(mask, 128);
  // It is the one that the service gives to anybody.
  const at = (path) => new URL(path, page.url()).href;
  const picture = await page.request.get(at("v1/samples/drawn-tumour.png"));
  const given = { data: await picture.body(), headers: { accept: "image/png", "content-type": "application/octet-stream" } };
  assert.ok(mask.equals(await (await page.request.post(at("v1/segment?model=tumor"), given)).body()));
  assertPng(await download(page, "Overlay (PNG)", "drawn-tumour_overlay.png"));
  const { results } = JSON.parse(await download(page, "JSON", "drawn-tumour_tumor.json"));
  assert.equal(results[0].model, "tumor");
  assert.equal(results[0].picture, undefined);
});

check("a busy service is said to be busy, and asked again", async (page) => {
  await page.route(
    "**/v1/classify?*",
    (route) =>
      route.fulfill({
        status: 429,
        headers: { "Retry-After": "3" },
        json: { error: "the service has as many requests as it takes" },
      }),
    { times: 1 },
  );
  await askSample(page, BRAIN);
  assert.match(await page.locator(".failure").textContent(), /busy.*in 3 seconds/);
  // What is asked again is the same question.
  await chooseModel(page, "tumor");
  await page.locator(".failure button").click();
  await page.locator(".bar").first().waitFor();
});

check("a question can be cancelled", async (page) => {
  await page.route("**/v1/classify?*", () => {});
  await page.getByRole("button", { name: BRAIN }).click();
  await page.locator("#cancel:focus").waitFor();
  assert.ok(await page.locator("#choose").isDisabled());
  await drop(page, [["early.png", [1, 2, 3]]]);
  await page.locator("#files-error", { hasText: "under way" }).waitFor();
  await page.locator("#cancel").focus();
  await page.keyboard.press("Enter");
  await answered(page);
  assert.equal(await page.locator("#answer-title").textContent(), "Cancelled");
  assert.ok(await page.locator("#choose").isEnabled());
  assert.ok(await page.locator("#files-error").isHidden());
});

check("a service without models is asked again, without a word more", async (page) => {
  await page.locator("#samples button").first().waitFor();
  let asked = 0;
  await page.route("**/v1/models", async (route) => {
    const response = await route.fetch();
    const said = await response.json();
    await route.fulfill({ response, json: { ...said, models: asked++ < 3 ? [] : said.models } });
  });
  await page.reload();
  const button = page.locator("#service-fault button");
  await button.focus();
  await page.evaluate(() => (globalThis.first = document.activeElement));
  while (asked < 3) await page.waitForTimeout(100);
  assert.ok(await page.evaluate(() => globalThis.first === document.activeElement));
  await page.locator("#samples button").first().waitFor();
  assert.ok(await page.locator("#service-fault").isHidden());
});

check("models that are still being loaded turn up, and the choice stays", async (page) => {
  await page.locator("#samples button").first().waitFor();
  let all = [];
  let asked = 0;
  await page.route("**/v1/models", async (route) => {
    const response = await route.fetch();
    const said = await response.json();
    all = said.models;
    const some = asked++ < 2;
    await route.fulfill({ response, json: { ...said, loading: some, models: some ? all.slice(-1) : all } });
  });
  await page.reload();
  const last = page.locator("#models input").last();
  await last.focus();
  const others = page.locator("#models input");
  while ((await others.count()) < all.length) await page.waitForTimeout(100);
  assert.ok(asked === 3 && all.length > 1);
  assert.ok(await last.isChecked());
  assert.ok(await last.evaluate((input) => input === document.activeElement));
  // Nobody asks on, once all are there.
  await page.waitForTimeout(2500);
  assert.equal(asked, 3);
});

check("a token is asked for, and kept for the tab", async (page) => {
  await page.route("**/v1/**", (route) => {
    const shown = route.request().headers().authorization;
    if (shown === "Bearer right") return route.continue();
    return route.fulfill({ status: 401, json: { error: "the service wants its token" } });
  });
  await page.reload();
  const dialog = page.locator("#token-dialog");
  await dialog.waitFor();
  await checkAccess(page, "token");
  // The second is none that a browser could send.
  for (const token of ["wrong", "right…", "right"]) {
    await page.locator("#token").fill(token);
    await page.keyboard.press("Enter");
    if (token !== "right") await page.locator("#token-error", { hasText: "did not take" }).waitFor();
    await dialog.waitFor({ state: token === "right" ? "hidden" : "visible" });
  }
  await dialog.waitFor({ state: "hidden" });
  await askSample(page, BRAIN);
  assert.deepEqual(await page.evaluate(() => ({ ...sessionStorage })), { "gyrus-token": "right" });
});

check("the choice of the theme stays", async (page) => {
  await page.locator("#theme").click();
  await page.reload();
  assert.equal(await page.locator("#theme").getAttribute("aria-pressed"), "true");
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), "dark");
});

for (const colorScheme of ["light", "dark"]) {
  for (const [name, size] of [
    ["desktop", DESKTOP],
    ["phone", PHONE],
  ]) {
    check(
      `everyone can use it: ${colorScheme}, ${name}`,
      async (page) => {
        await page.locator("#samples button").first().waitFor();
        const at = (what) => checkAccess(page, `${what}, ${colorScheme}, ${name}`);
        await at("empty");
        for (const title of [BRAIN, NO_SCAN, TUMOUR]) {
          await askSample(page, title);
          await at(title);
        }
        await page.locator(".cut summary").click();
        await askFiles(page, [read(SLICE), { ...BAD, name: `${"long-name-".repeat(12)}.txt` }]);
        await at("many files");
        await askFiles(page, BAD);
        await at("failure");
        await askDrawn(page);
        await page.locator(".montage summary").click();
        await at("volume");
      },
      { ...size, colorScheme },
    );
  }
}

/** Clicks a button that saves a file, and returns what was saved. */
async function download(page, button, name) {
  const saved = page.waitForEvent("download");
  await page.getByRole("button", { name: button, exact: true }).click();
  const file = await saved;
  assert.equal(file.suggestedFilename(), name);
  return readFileSync(await file.path());
}

function assertPng(bytes, width) {
  assert.equal(bytes.toString("latin1", 1, 4), "PNG");
  if (width) assert.equal(bytes.readUInt32BE(16), width);
}
