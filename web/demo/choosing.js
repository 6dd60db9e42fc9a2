// Choosing slices: by the button, by the camera, dropped anywhere, and samples.

import { counted } from "../figures.js";
import { byId, complain, make } from "../markup.js";
import { sampleBytes, samplePath } from "./site.js";

/** Calls `onFiles` with what is chosen, photographed or dropped. */
export function listen(onFiles) {
  for (const [button, input] of [
    ["choose", "files"],
    ["photograph", "camera"],
  ]) {
    byId(button).addEventListener("click", () => byId(input).click());
    byId(input).addEventListener("change", ({ target }) => {
      const files = [...target.files];
      // The same file may be chosen again.
      target.value = "";
      if (files.length) onFiles(files);
    });
  }
  listenToDrops(onFiles);
}

/** Anywhere on the page will do: a browser would leave the page for a file that misses. */
function listenToDrops(onFiles) {
  const over = (isOver) => byId("drop").classList.toggle("over", isOver);
  addEventListener("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) over(false);
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    const files = [...event.dataTransfer.files];
    complain("files-error", files.length ? null : "Nothing that was dropped can be read as a file.");
    if (files.length) onFiles(files);
  });
}

/** Says which files the next question is about. */
export function showChosen(files) {
  const names = files.slice(0, 3).map((file) => file.name);
  const more = files.length > 3 ? ` and ${counted(files.length - 3, "other")}` : "";
  byId("chosen").hidden = false;
  byId("chosen").querySelector("p").textContent = names.join(", ") + more;
}

/** Lists the samples of the site; `onFiles` is called with the one that is clicked. */
export function listSamples(samples, onFiles) {
  byId("samples").replaceChildren(...samples.map((sample) => make("li", {}, sampleButton(sample, onFiles))));
  byId("samples-part").hidden = samples.length === 0;
}

function sampleButton({ file, title }, onFiles) {
  const click = async () => {
    complain("samples-error", null);
    try {
      onFiles([new File([await sampleBytes(file)], file)]);
    } catch (fault) {
      complain("samples-error", fault.message);
    }
  };
  const thumb = make(
    "span",
    { class: "thumb", "aria-hidden": "true" },
    make("img", { src: samplePath(file), alt: "" }),
  );
  return make("button", { type: "button", class: "sample", click }, thumb, make("span", {}, title));
}
