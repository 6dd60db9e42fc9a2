// The page of an exported conformance suite, in Chromium:
//
//     GYRUS_EXPORT=DIR node --test tests/browser/
//
// DIR is what `gyrus conformance --export DIR` wrote. Whether all of it passes is told by `scripts/browser`; here the page and
// its player are broken on purpose, and must notice.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { AXE, launch, resultOf, withPage } from "./session.mjs";
import { writeSample } from "./sample.mjs";
import { serve } from "./serve.mjs";

const EXPORTED = process.env.GYRUS_EXPORT;
assert.ok(EXPORTED, "GYRUS_EXPORT is the folder that `gyrus conformance --export DIR` wrote");
const DESKTOP = { viewport: { width: 1360, height: 900 } };
const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

let browser;
let sample;
before(async () => {
  browser = await launch();
  sample = writeSample();
});
after(async () => {
  sample?.remove();
  await browser?.close();
});

/** Serves a folder with some texts replaced, and hands its page over. */
async function onPage(folder, { instead = {}, only = "", ...options }, use) {
  const server = await serve(folder, instead);
  const url = `${server.url}conformance.html?${new URLSearchParams({ only })}`;
  try {
    return await withPage(options.browser ?? browser, url, options, use);
  } finally {
    await server.close();
  }
}

const played = (folder, options = {}) => onPage(folder, options, resultOf);

/** The text of a kernel with another in place of a part of it. */
function broken(folder, name, from, to) {
  const path = `shaders/${name}.wgsl`;
  const text = readFileSync(join(folder, path), "utf8");
  assert.ok(text.includes(from), `${name} says '${from}'`);
  return { [path]: text.replace(from, to) };
}

test("the sample passes, and what the adapter lacks is skipped in words", async () => {
  const result = await played(sample.folder);
  assert.deepEqual(result.failures, []);
  assert.equal(result.suites.builtin.failed, 0);
  for (const name of ["elementwise_f32", "buffer_to_texels", "texels_to_buffer", "buffer_to_halves", "halves_to_buffer"]) {
    assert.deepEqual(result.kernels[name], { passed: 1, failed: 0 }, name);
  }
  assert.ok(result.unreached.includes("nowhere_f32"));
  if (!("lanes_f32" in result.kernels)) {
    assert.equal(result.suites.builtin.skipped, 1);
    assert.match(result.skipped[0].reason, /subgroup/);
    assert.deepEqual(result.skipped[0].kernels, ["lanes_f32"]);
  }
  assert.ok(result.adapter.name.length > 0);
});

test("wrong arithmetic is noticed, by kernel and element", async () => {
  const instead = broken(sample.folder, "elementwise_f32", "return a + b;", "return a - b;");
  const result = await played(sample.folder, { instead });
  assert.equal(result.suites.builtin.failed, 1);
  const [failure] = result.failures;
  assert.deepEqual([failure.group, failure.kernels], ["Add", ["elementwise_f32"]]);
  assert.equal(typeof failure.element, "number");
  assert.match(failure.reason, /output 0, element \d+ is .*, expected .* within/);
  assert.deepEqual(result.kernels.elementwise_f32, { passed: 0, failed: 1 });
});

test("an element that nothing wrote is noticed", async () => {
  const instead = broken(sample.folder, "texels_to_buffer", "i >= p.pixels", "i + 1u >= p.pixels");
  const [failure] = (await played(sample.folder, { instead })).failures;
  assert.match(failure.reason, /^kernels .*: element 11996 of output 'y' was never written$/);
});

test("memory that is nobody's is noticed when it is written", async () => {
  for (const [name, memory] of [
    ["buffer_to_texels", "texture"],
    ["buffer_to_halves", "half_texture"],
  ]) {
    const instead = broken(sample.folder, name, "i >= p.pixels * p.quads", "i > p.pixels * p.quads");
    const [failure] = (await played(sample.folder, { instead })).failures;
    assert.match(failure.reason, new RegExp(`byte \\d+ of ${memory} 0, which is nobody's, was written$`));
  }
});

test("a text that does not compile is told with its kernel, line and reason", async () => {
  const instead = broken(sample.folder, "elementwise_f32", "var v = a[", "var v = nothing[");
  const [failure] = (await played(sample.folder, { instead })).failures;
  assert.match(failure.reason, /^kernel elementwise_f32: line \d+: .*nothing/);
  assert.ok(!failure.reason.includes("\n"));
});

test("a binding that does not fit is told with its kernel", async () => {
  const instead = broken(sample.folder, "buffer_to_halves", "var<uniform> p", "var<storage, read> p");
  const [failure] = (await played(sample.folder, { instead })).failures;
  assert.match(failure.reason, /buffer_to_halves/);
});

test("a trial whose file is missing is not run, and every other is", async () => {
  for (const file of ["cases/0001.json", "shaders/elementwise_f32.wgsl"]) {
    const { failures, suites } = await played(sample.folder, { instead: { [file]: null } });
    assert.equal(suites.builtin.failed, 0);
    assert.ok(suites.builtin.not_run > 0 && suites.builtin.passed > 0);
    for (const { reason } of failures) assert.equal(reason, `${file} is missing (status 404)`);
  }
});

test("a file that comes at the second time of asking is as good as another", async () => {
  for (const file of ["cases/0001.bin", "shaders/elementwise_f32.wgsl"]) {
    const before = `(() => {
      const { fetch } = globalThis;
      let isFirst = true;
      globalThis.fetch = (path) => {
        if (path !== "${file}" || !isFirst) return fetch(path);
        isFirst = false;
        return Promise.reject(new TypeError("the network was gone for a moment"));
      };
    })();`;
    const { failures, suites } = await played(sample.folder, { before });
    assert.deepEqual(failures, []);
    assert.ok(suites.builtin.passed > 1);
  }
});

test("a folder without an index is said to have none", async () => {
  const result = await played(sample.folder, { instead: { "index.json": null } });
  assert.match(result.error, /index\.json is missing/);
});

/** Ends the device after so many of its submissions, on the first `times` devices that are opened. */
function losing(times, after) {
  return `(() => {
    let left = ${times};
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...given) {
      const device = await request.apply(this, given);
      if (left-- > 0) {
        let count = 0;
        const submit = device.queue.submit.bind(device.queue);
        device.queue.submit = (commands) => {
          submit(commands);
          if (++count === ${after}) device.destroy();
        };
      }
      return device;
    };
  })();`;
}

test("a device that is lost is opened again once, and nothing is missing then", async () => {
  const result = await played(sample.folder, { before: losing(1, 1) });
  assert.deepEqual(result.failures, []);
  assert.match(result.notices.join(), /was lost.*opened again/);
  const twice = await played(sample.folder, { before: losing(2, 1) });
  assert.match(twice.notices.join(), /lost twice/);
  assert.ok(twice.suites.builtin.failed > 0 && twice.suites.builtin.not_run > 0, JSON.stringify(twice.suites));
});

test("without WebGPU the page says so", async () => {
  const without = { before: "delete Navigator.prototype.gpu" };
  await onPage(sample.folder, without, async (page) => {
    const { error } = await resultOf(page);
    assert.match(error, /This browser has no WebGPU/);
    assert.equal(await page.locator("#fault").textContent(), error);
    assert.ok(await page.locator("#progress").isHidden());
  });
  const none = { before: "GPU.prototype.requestAdapter = async () => null" };
  assert.match((await played(sample.folder, none)).error, /found no GPU/);
});

test("a browser that is started without the flag has no adapter, and says so", async () => {
  const plain = await launch({ webGpu: false });
  try {
    const result = await played(sample.folder, { browser: plain });
    assert.match(result.error ?? "", /no GPU|no WebGPU/);
  } finally {
    await plain.close();
  }
});

for (const colorScheme of ["light", "dark"]) {
  for (const [name, size] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    test(`everyone can read it: ${colorScheme}, ${name}`, async () => {
      const instead = broken(sample.folder, "elementwise_f32", "return a + b;", "return a - b;");
      await onPage(sample.folder, { instead, colorScheme, ...size }, async (page) => {
        await resultOf(page);
        await page.addScriptTag({ path: AXE });
        const { violations } = await page.evaluate(() => globalThis.axe.run(document));
        assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`), []);
        const [content, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(content <= width, `${content} pixels lie in ${width}`);
        const pictures = process.env.SCREENSHOTS;
        if (pictures) await page.screenshot({ path: join(pictures, `${colorScheme}-${name}.png`), fullPage: true });
      });
    });
  }
}

test("the exported folder notices a broken kernel", async () => {
  const texts = readdirSync(join(EXPORTED, "shaders")).map((file) => file.replace(/\.wgsl$/, ""));
  const names = texts.filter((name) => name.startsWith("elementwise_f32"));
  assert.ok(names.length > 0, `no elementwise_f32 among ${texts}`);
  const instead = Object.assign({}, ...names.map((name) => broken(EXPORTED, name, "return a + b;", "return a - b;")));
  const whole = await played(EXPORTED, { only: "builtin/Add/" });
  assert.deepEqual([whole.suites.builtin.failed, whole.kernels.elementwise_f32.failed], [0, 0]);
  const result = await played(EXPORTED, { only: "builtin/Add/", instead });
  assert.ok(result.suites.builtin.failed > 0, JSON.stringify(result.suites));
  assert.ok(result.kernels.elementwise_f32.failed > 0);
});
