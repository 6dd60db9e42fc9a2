// The demo that `gyrus export --web` writes, in a browser with WebGPU, held against the program:
//
//     gyrus export --web alzheimer A && gyrus export --web tumor B
//     GYRUS_EXPORT_CLASSIFIER=A GYRUS_EXPORT_UNET=B node --test tests/browser/demo.test.mjs
//
// GYRUS_BIN names another program than target/release/gyrus. SCREENSHOTS=DIR writes pictures of the page there.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { decode } from "../../web/demo/decode.js";
import { cmyk, pictures, samples } from "./drawn.mjs";
import { difference, gyrus, isMissing, jsonLines, modelFolder, preprocessed, withFolder } from "./native.mjs";
import { serve } from "./serve.mjs";
import { AXE, launch, withPage } from "./session.mjs";
import { counting, holding, miscounting } from "./tampered.mjs";

const FOLDERS = { alzheimer: process.env.GYRUS_EXPORT_CLASSIFIER, tumor: process.env.GYRUS_EXPORT_UNET };
const unset = Object.values(FOLDERS).every(Boolean)
  ? false
  : "GYRUS_EXPORT_CLASSIFIER and GYRUS_EXPORT_UNET name no exported sites";
const axe = unset || readFileSync(AXE, "utf8");

const DESKTOP = { viewport: { width: 1360, height: 900 } };
const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const TITLES = { alzheimer: ["An average brain", "Something that is no scan"], tumor: ["A drawn tumour"] };
/** A software adapter on a busy machine takes its time, in ms. */
const [PATIENCE, LONG] = [240_000, 600_000];
const BAD = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("This is no scan.") };

let browser;
const servers = {};

before(async () => {
  if (unset) return;
  browser = await launch();
  // Below another folder, as on hosts that give every site a path.
  for (const [model, folder] of Object.entries(FOLDERS)) servers[model] = await serve(dirname(resolve(folder)));
});

after(async () => {
  await browser?.close();
  for (const server of Object.values(servers)) await server.close();
});

const addressOf = (model) => `${servers[model].url}${basename(resolve(FOLDERS[model]))}/index.html`;

function check(name, model, body, { skip = false, ...options } = {}) {
  const use = async (page) => {
    page.setDefaultTimeout(PATIENCE);
    await body(page);
  };
  test(name, { skip: unset || skip }, () => withPage(browser, addressOf(model), { ...DESKTOP, ...options }, use));
}

async function ready(page) {
  await page
    .locator("#asking:not([disabled])")
    .waitFor({ state: "attached" })
    .catch(async (error) => {
      const said = await page.locator("#readying-text, #fault").allTextContents();
      throw new Error(`the page is not ready, and says: ${said.join(" ")}`, { cause: error });
    });
}

async function askSample(page, title) {
  await ready(page);
  await page.getByRole("button", { name: title }).click();
  await answered(page);
}

async function askFiles(page, files, timeout = PATIENCE) {
  await ready(page);
  await page.locator("#files").setInputFiles(files);
  await answered(page, timeout);
}

async function answered(page, timeout = PATIENCE) {
  await page.locator("#answer-title:focus").waitFor({ timeout });
  await page.locator("#progress").waitFor({ state: "hidden" });
}

const upload = ([name, buffer]) => ({ name, mimeType: "", buffer: Buffer.from(buffer) });

async function saved(page, button) {
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: button, exact: true }).click();
  const file = await saving;
  return { name: file.suggestedFilename(), bytes: readFileSync(await file.path()) };
}

/** What the page answers about files, as its own reports. */
async function reportsOf(page, files) {
  await askFiles(page, Object.entries(files).map(upload), LONG);
  const button = Object.keys(files).length > 1 ? "JSON of all" : "JSON";
  return JSON.parse((await saved(page, button)).bytes).results;
}

const software = (command, model, ...args) =>
  jsonLines(gyrus(command, "--device", "software", "--model", modelFolder(model), "--format", "json", ...args));

check(
  "labels, probabilities and warnings are the program's",
  "alzheimer",
  async (page) => {
    const drawn = pictures();
    const odd = ["head.png", "wide.png", "rgba.png", "grey-16.png", "grey-progressive.jpg"].map((name) => [
      name,
      drawn[name],
    ]);
    const files = { ...samples("slices"), ...Object.fromEntries(odd) };
    const found = await reportsOf(page, files);
    const expected = await withFolder(files, (_, paths) => software("classify", "alzheimer", ...paths));
    let worst = 0;
    expected.forEach(({ prediction, probabilities, warnings, file }, at) => {
      assert.equal(found[at].file, basename(file));
      assert.equal(found[at].prediction, prediction, file);
      assert.deepEqual(found[at].warnings, warnings, file);
      assert.deepEqual(Object.keys(found[at].probabilities), Object.keys(probabilities));
      worst = Math.max(worst, difference(Object.values(found[at].probabilities), Object.values(probabilities)));
    });
    assert.ok(worst < 1e-3, `probabilities off by ${worst}`);
    console.log(`probabilities: at most ${worst} off`);
  },
  { skip: isMissing },
);

check(
  "masks are the program's",
  "tumor",
  async (page) => {
    const drawn = pictures();
    const odd = ["rgb.png", "rgb-16.png", "colour-420.jpg", "head.png"].map((name) => [name, drawn[name]]);
    const files = { ...samples("patients/drawn"), ...Object.fromEntries(odd) };
    await ready(page);
    await page.locator("#one-for-all").check();
    const found = await reportsOf(page, files);
    await withFolder(files, async (folder, paths) => {
      const out = join(folder, "masks");
      const expected = software("segment", "tumor", "--allow-missing-sequences", "--out", out, ...paths);
      let [off, marked] = [0, 0];
      for (const [at, report] of expected.entries()) {
        const [mine, theirs] = await Promise.all([maskOf(found[at].mask), maskOf(readFileSync(report.mask))]);
        assert.equal(mine.length, theirs.length, report.file);
        const pixels = mine.reduce((sum, value, pixel) => sum + (value !== theirs[pixel]), 0);
        assert.ok(pixels <= 5, `${report.file}: ${pixels} pixels differ`);
        assert.deepEqual(codes(found[at]), codes(report), report.file);
        off += pixels;
        marked += report.pixels > 0;
      }
      assert.ok(marked > 5, "too few masks have anything in them");
      console.log(`masks: ${off} pixels of ${found.length} pictures differ`);
    });
  },
  { skip: isMissing },
);

const codes = ({ warnings }) => warnings.map(({ code }) => code);

async function maskOf(mask) {
  const bytes = typeof mask === "string" ? Buffer.from(mask.split(",")[1], "base64") : mask;
  return (await decode(new Uint8Array(bytes))).samples;
}

for (const model of ["alzheimer", "tumor"]) {
  check(
    `pictures are prepared in the browser as by the program: ${model}`,
    model,
    async (page) => {
      const files = { ...pictures(), ...samples("slices"), ...samples("patients/drawn") };
      await withFolder(files, async (folder, paths) => {
        const rows = preprocessed(folder, modelFolder(model), paths);
        let worst = 0;
        for (const { file, values } of rows) {
          const found = await page.evaluate(preparedInPage, readFileSync(file).toString("base64"));
          const off = difference(new Float32Array(Buffer.from(found, "base64").buffer.slice(0)), values);
          assert.ok(off <= 1e-4, `${file}: off by ${off}`);
          worst = Math.max(worst, off);
        }
        console.log(`${model}: ${rows.length} prepared inputs, at most ${worst} off`);
      });
    },
    { skip: isMissing },
  );
}

/** In the page; both ways as base64. */
async function preparedInPage(encoded) {
  const [{ decode: read }, { prepare }] = await Promise.all([
    import(new URL("demo/decode.js", document.baseURI).href),
    import(new URL("demo/prepare.js", document.baseURI).href),
  ]);
  const { card } = await (await fetch("model.json")).json();
  const scan = await read(Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0)));
  const bytes = new Uint8Array(prepare(card.input, scan).buffer);
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

check("a sample is classified with one click", "alzheimer", async (page) => {
  await askSample(page, TITLES.alzheimer[0]);
  assert.equal(await page.locator(".bar").count(), 4);
  assert.match(await page.locator(".headline").textContent(), /Demented/);
  assert.match(
    await page.locator(".facts-part").textContent(),
    /alzheimer v1.*Device.*Time[\d.,]+ msKernelsheld to one known answer on this GPU, not each by itself/,
  );
  assert.equal(JSON.parse((await saved(page, "JSON")).bytes).results[0].verified, false);
  assert.match(await page.locator("body").textContent(), /not a medical device/);
  const notice = await page.locator("#notice a").getAttribute("href");
  assert.match(await page.evaluate(async (path) => (await fetch(path)).text(), notice), /McConnell Brain Imaging Centre/);
  assert.ok((await page.locator("#card .limits li").count()) > 3);
});

check("what is no scan gets reasons and no label", "alzheimer", async (page) => {
  await askSample(page, TITLES.alzheimer[1]);
  assert.match(await page.locator(".refusal").textContent(), /No prediction.*coloured/);
  assert.equal(await page.locator(".headline").count(), 0);
  assert.ok(await page.locator(".bars").isHidden());
});

check("a mask lies over its scan, as strong as the slider says, and is saved", "tumor", async (page) => {
  await askSample(page, TITLES.tumor[0]);
  assert.match(await page.locator(".facts-part").textContent(), /\d+ pixels \d\.\d\d % of the picture.*Area/);
  const drawn = [await drawing(page)];
  await page.locator(".opacity").fill("0");
  drawn.push(await drawing(page));
  await page.locator(".shown").selectOption({ label: "post-contrast" });
  drawn.push(await drawing(page));
  assert.equal(new Set(drawn).size, drawn.length);
  const mask = await saved(page, "Mask (PNG)");
  assert.equal(mask.name, "drawn-tumour_mask.png");
  assert.deepEqual([...new Set(await maskOf(mask.bytes))].sort(), [0, 255]);
});

/** Waits until the picture is drawn, and returns a number that changes when it does. */
async function drawing(page) {
  await page.waitForFunction(() => document.querySelector(".stage canvas")?.width > 300);
  return page.evaluate(() => {
    const canvas = document.querySelector(".stage canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.reduce((sum, value) => (Math.imul(sum, 31) + value) | 0, 0);
  });
}

check("a grey picture wants leave to stand for all sequences", "tumor", async (page) => {
  const file = upload(["head.png", pictures()["head.png"]]);
  await askFiles(page, file);
  assert.match(await page.locator(".failure").textContent(), /head\.png: It has one channel.*FLAIR.*tick/);
  await page.locator("#one-for-all").check();
  await page.locator("#again").click();
  await answered(page);
  assert.match(await page.locator(".warnings, .refusal").textContent(), /The picture is grey/);
});

check("bad files are refused in words, and cost the others nothing", "alzheimer", async (page) => {
  await askFiles(page, BAD);
  assert.equal(await page.locator("#answer-title").textContent(), "No answer");
  assert.match(await page.locator(".failure").textContent(), /notes\.txt: This is no picture.*PNG and JPEG/);
  const [[name, bytes]] = Object.entries(samples("slices"));
  const empty = { ...BAD, name: "empty.png", buffer: Buffer.alloc(0) };
  await askFiles(page, [upload([name, bytes]), BAD, empty, upload(["cmyk.jpg", cmyk()])]);
  assert.match(await page.locator(".together").textContent(), /1 file answered, 3 failed/);
  assert.match(await page.locator(".failed").last().textContent(), /cmyk\.jpg.*4 channels/);
  assert.equal(await page.locator("#history button").count(), 1);
});

/** Drops a file far from where the page invites to. */
const dropped = (page, bytes) =>
  page.evaluate((values) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(values)], "dropped.png"));
    document
      .querySelector("footer")
      .dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, bytes);

check("slices may be dropped anywhere", "alzheimer", async (page) => {
  await ready(page);
  await dropped(page, [...samples("slices")["icbm152_z05.png"]]);
  await answered(page);
  assert.match(await page.locator("#answer-title").textContent(), /dropped\.png/);
});

check(
  "a phone takes the photo itself",
  "alzheimer",
  async (page) => {
    await ready(page);
    const [chooser] = await Promise.all([
      page.waitForEvent("filechooser"),
      page.getByRole("button", { name: "Take a photo" }).click(),
    ]);
    assert.equal(await chooser.element().getAttribute("capture"), "environment");
    await chooser.setFiles(upload(["photo.jpg", pictures()["turned.jpg"]]));
    await answered(page);
    assert.match(await page.locator(".refusal").textContent(), /No prediction/);
  },
  PHONE,
);

check("many files can be given up", "alzheimer", async (page) => {
  await ready(page);
  const [[, bytes]] = Object.entries(samples("slices"));
  await page.locator("#files").setInputFiles(Array.from({ length: 60 }, (_, n) => upload([`${n}.png`, bytes])));
  await page.locator("#cancel:focus").waitFor();
  await page.keyboard.press("Enter");
  await answered(page);
  assert.equal(await page.locator("#answer-title").textContent(), "Cancelled");
  await askSample(page, TITLES.alzheimer[0]);
});

check(
  "a question about one file is over as soon as it is cancelled, and what is dropped meanwhile is told to wait",
  "alzheimer",
  async (page) => {
    await ready(page);
    await page.evaluate(() => globalThis.hold());
    const [[name, bytes]] = Object.entries(samples("slices"));
    await page.locator("#files").setInputFiles(upload([name, bytes]));
    await page.locator("#cancel:focus").waitFor();
    // Until it waits for the GPU.
    await page.waitForTimeout(2000);
    await dropped(page, [...bytes]);
    assert.match(await page.locator("#files-error").textContent(), /Wait for the answer/);
    await page.locator("#cancel").click();
    await answered(page);
    assert.equal(await page.locator("#answer-title").textContent(), "Cancelled");
    assert.ok(await page.locator("#files-error").isHidden());
    await page.evaluate(() => globalThis.release());
    // What comes late is nobody's, and the next question goes on after it.
    await askSample(page, TITLES.alzheimer[0]);
    assert.match(await page.locator("#answer-title").textContent(), /icbm152_z10\.png/);
    assert.equal(await page.locator("#history button").count(), 1);
  },
  { before: holding },
);

check("pictures of large files are small, and so are their thumbnails", "alzheimer", async (page) => {
  const large = pictures()["large.png"];
  await askFiles(page, ["a.png", "b.png"].map((name) => upload([name, large])));
  await drawing(page);
  await page.waitForFunction(() => [...document.querySelectorAll(".thumb canvas")].every(({ width }) => width > 1));
  const canvases = page.locator(".stage canvas, .thumb canvas");
  const sizes = await canvases.evaluateAll((all) => all.map(({ width, height }) => `${width}x${height}`));
  // Half of 1700x1900, a pixel of the drawing for each of the picture.
  assert.deepEqual(sizes.sort(), ["850x950", "86x96", "86x96"]);
});

check("the page works by keys alone", "alzheimer", async (page) => {
  await ready(page);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  for (let turn = 0; turn < 12; turn++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(() => document.activeElement.className === "sample")) break;
  }
  await page.keyboard.press("Enter");
  await answered(page);
  assert.match(await page.locator("#status").textContent(), /Demented/);
});

check("the browser itself keeps what is opened from other hosts", "alzheimer", async (page) => {
  const policy = await page.locator("meta[http-equiv=Content-Security-Policy]").getAttribute("content");
  assert.match(policy, /default-src 'none'.*connect-src 'self'.*form-action 'none'/);
  await askSample(page, TITLES.alzheimer[0]);
  assert.deepEqual(await page.evaluate(() => [Object.keys(localStorage), Object.keys(sessionStorage)]), [[], []]);
});

for (const [file, expected] of [
  ["weights-*.bin", /weights-[0-9a-f]{16}\.bin cannot be fetched \(status 404\).*\.wgsl/],
  ["model.json", /model\.json cannot be fetched \(status 404\)/],
]) {
  const use = async (page) => {
    await page.route(`**/${file}`, (route) => route.fulfill({ status: 404 }));
    await page.reload();
    await page.locator("#fault", { hasText: expected }).waitFor();
    assert.ok(await page.locator("#choose").isDisabled());
    if (file === "model.json") {
      await page.unroute(`**/${file}`);
      await page.locator("#fault button").click();
      return ready(page);
    }
    assert.deepEqual(await page.evaluate(() => globalThis.devices), { opened: 1, closed: 1 });
    await page.locator("#fault button").press("Enter");
    await page.locator("#fault button:focus").waitFor();
    await page.unroute(`**/${file}`);
    await page.keyboard.press("Enter");
    await page.locator("#choose:focus").waitFor();
    assert.match(await page.locator("#status").textContent(), /network is ready/);
    return assert.deepEqual(await page.evaluate(() => globalThis.devices), { opened: 3, closed: 2 });
  };
  check(`a site that lacks ${file} says so, and how to go on`, "alzheimer", use, { before: counting });
}

check("weights that are not the site's are refused", "alzheimer", async (page) => {
  const { weights_file: file } = await page.evaluate(async () => (await fetch("model.json")).json());
  for (const [length, said] of [
    [400, /weights-.*\.bin ends early/],
    [file.bytes, /weights-.*\.bin is damaged, or another one/],
  ]) {
    await page.route("**/weights-*.bin", (route) => route.fulfill({ body: Buffer.alloc(length) }));
    await page.reload();
    await page.locator("#fault", { hasText: said }).waitFor();
  }
});

check(
  "a GPU that computes wrong is refused in words",
  "alzheimer",
  async (page) => {
    await page.locator("#fault", { hasText: /GPU \(.+\) computes this network wrong.*is right, at place 0/ }).waitFor();
    assert.ok(await page.locator("#choose").isDisabled());
  },
  { before: miscounting },
);

check("a page whose programs do not come says what may be the matter", "alzheimer", async (page) => {
  await page.route("**/demo/demo.js", (route) => route.fulfill({ status: 404 }));
  await page.reload();
  await page.locator("#starting", { hasText: /slash at its end.*\.js.*JavaScript.*as a whole.*from a disk/ }).waitFor();
});

test("a browser without WebGPU is told so, in words", { skip: unset }, async () => {
  const without = await launch({ webGpu: false });
  const hidden = () => Object.defineProperty(Navigator.prototype, "gpu", { value: undefined });
  try {
    await withPage(without, addressOf("tumor"), { ...PHONE, before: hidden }, async (page) => {
      await page.locator("#fault", { hasText: /no WebGPU/ }).waitFor();
      assert.ok(await page.locator("#choose").isDisabled());
      await dropped(page, [1]);
      assert.match(await page.locator("#files-error").textContent(), /the message above says why/);
      // What the model is can be read all the same.
      assert.match(await page.locator("#card").textContent(), /glioma/);
      await checkAccess(page, "without WebGPU");
    });
  } finally {
    await without.close();
  }
});

/** Holds the page to axe's rules, and to its own width. */
async function checkAccess(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
  assert.deepEqual(found, [], where);
  const [content, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= width, `${where}: ${content} pixels lie in ${width}`);
}

for (const colorScheme of ["light", "dark"]) {
  for (const [name, size] of [
    ["desktop", DESKTOP],
    ["phone", PHONE],
  ]) {
    for (const model of ["alzheimer", "tumor"]) {
      check(
        `everyone can use it: ${model}, ${colorScheme}, ${name}`,
        model,
        async (page) => {
          const at = (what) => checkAccess(page, `${what}, ${model}, ${colorScheme}, ${name}`);
          await ready(page);
          await at("empty");
          for (const title of TITLES[model]) {
            await askSample(page, title);
            await at(title);
          }
          await askFiles(page, [
            upload(["head.png", pictures()["head.png"]]),
            { ...BAD, name: `${"long-".repeat(20)}.txt` },
          ]);
          await at("many files");
          await askFiles(page, BAD);
          await at("failure");
        },
        { ...size, colorScheme },
      );
    }
  }
}

if (process.env.SCREENSHOTS) {
  const shot = async (page, name) => {
    // What lies under the pointer would look chosen.
    await page.mouse.move(0, 0);
    await page.waitForTimeout(500);
    await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`) });
  };
  const pictured = (name, model, title, options = {}) =>
    check(
      `picture: ${name}`,
      model,
      async (page) => {
        await askSample(page, title);
        await drawing(page);
        // A phone has gone to the answer; a desktop shows the page from its top.
        if (options !== PHONE) await page.evaluate(() => scrollTo(0, 0));
        await shot(page, name);
      },
      options,
    );
  pictured("demo-classifier", "alzheimer", TITLES.alzheimer[0]);
  pictured("demo-refused", "alzheimer", TITLES.alzheimer[1]);
  pictured("demo-unet", "tumor", TITLES.tumor[0], { colorScheme: "dark" });
  pictured("demo-phone", "tumor", TITLES.tumor[0], PHONE);
}
