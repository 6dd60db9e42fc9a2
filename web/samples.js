// Samples that the service brings along, each asked with one click.

import { byId, complain, make } from "./markup.js";
import * as service from "./service.js";

/** Lists the samples; `onSample` is called with one and its file. */
export async function listSamples(onSample) {
  const samples = await service.samples();
  const buttons = samples.map((sample) => sampleButton(sample, onSample));
  byId("samples").replaceChildren(...buttons.map((button) => make("li", {}, button)));
  byId("samples-part").hidden = samples.length === 0;
}

function sampleButton(sample, onSample) {
  let kept = null;
  // One that could not be fetched is asked for anew.
  const bytes = () =>
    (kept ??= service.sampleBytes(sample.url).catch((fault) => {
      kept = null;
      throw fault;
    }));
  const send = async () => {
    complain("samples-error", null);
    try {
      onSample(sample, new File([await bytes()], sample.file));
    } catch (fault) {
      complain("samples-error", fault.message);
    }
  };
  const frame = make("span", { class: "thumb", "aria-hidden": "true" });
  showThumb(frame, sample, bytes);
  return make(
    "button",
    { type: "button", class: "sample", click: send },
    frame,
    make("span", {}, sample.title, make("span", { class: "quiet" }, sample.model)),
  );
}

/** A picture of the sample, where browsers can show it: without one the title must do. */
async function showThumb(frame, sample, bytes) {
  if (!/\.(png|jpe?g|webp|bmp)$/i.test(sample.file)) return;
  const blob = await bytes().catch(() => null);
  if (blob) frame.append(make("img", { src: URL.createObjectURL(blob), alt: "" }));
}
