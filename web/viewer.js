// One picture or volume: its scan with the mask over it, slices to go through, and what was found.

import { firstIndex, isMask, knowsSides, ownOf, profile, summary } from "./answer.js";
import { markProfile, profileBars } from "./bars.js";
import { fileName, saveAddress, saveBlob, saveJson } from "./downloads.js";
import { layersOf, overlayPng, paint } from "./drawing.js";
import { entryFacts, notes, originFacts, wholeFacts } from "./facts.js";
import { stem } from "./figures.js";
import { make } from "./markup.js";
import { versionOf } from "./models.js";

/** Left, right and top of a picture of each plane, as the service draws them. */
const SIDES = { axial: ["R", "L", "A"], coronal: ["R", "L", "H"], sagittal: ["A", "P", "H"] };
const OWN_KEYS = "input, select, textarea, summary, dialog";
/** Up and down stay the page's, which is longer than a screen. */
const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

/** Stays from one answer to the next, as on a workstation. */
let opacity = 0.45;
let current = null;

addEventListener("keydown", (event) => {
  const step = STEPS[event.key];
  const isOurs = current?.element.isConnected && !event.target.closest?.(OWN_KEYS);
  if (!step || !isOurs || event.altKey || event.ctrlKey || event.metaKey) return;
  if (current.step(step)) event.preventDefault();
});

/** Shows an item that was answered. */
export function viewOf(item, answer) {
  current = item.kind === "volume" ? new VolumeView(item, answer) : new View(item, answer);
  current.start();
  return current.element;
}

class View {
  constructor(item, answer) {
    Object.assign(this, { item, answer, entry: item.entry, layers: null, loading: null, turn: 0 });
    this.channel = shownChannel(answer.model);
    this.canvas = make("canvas", { role: "img" });
    this.stage = make("div", { class: "stage" }, this.canvas);
    this.sequence = make("label", { class: "control", hidden: "" });
    this.facts = make("div", { class: "entry-facts" });
    this.element = make("div", { class: "view" });
  }

  start() {
    this.build();
    this.show(this.entry);
  }

  build() {
    const controls = this.controls().filter(Boolean);
    this.element.append(
      make("div", { class: "stage-part" }, this.stage, make("div", { class: "controls" }, ...controls), this.montage()),
      make("div", { class: "facts-part" }, ...this.sayings()),
    );
  }

  controls() {
    return [isMask(this.item.entry ?? this.item.whole) ? this.opacityControl() : null, this.sequence];
  }

  sayings() {
    return [this.name(), this.facts, ...originFacts(this.entry, this.answer.model), this.downloads()].filter(Boolean);
  }

  /** The panel's title names a file that is alone. */
  name() {
    return this.answer.items.length > 1 ? make("h3", { class: "file" }, this.item.file) : null;
  }

  said(entry) {
    return entry;
  }

  montage() {
    return null;
  }

  step() {
    return false;
  }

  /** Draws an entry and says what was found; of several that are under way the last one is shown. */
  async show(entry) {
    const turn = ++this.turn;
    this.entry = entry;
    // What is saved meanwhile waits for its own.
    this.layers = null;
    this.facts.replaceChildren(...entryFacts(this.said(entry)).filter(Boolean));
    this.canvas.setAttribute("aria-label", this.described(entry));
    this.loading = layersOf(entry, Boolean(this.answer.model.sequences)).catch(() => null);
    const layers = await this.loading;
    if (turn !== this.turn) return;
    this.layers = layers;
    this.stage.classList.toggle("blank", !layers);
    this.offerSequences();
    this.draw();
  }

  described(entry) {
    const what = isMask(entry) ? "scan with its mask" : "scan";
    return `${entry.file}, ${what}: ${summary(entry)}`;
  }

  get look() {
    return { opacity, channel: this.channel };
  }

  draw() {
    if (this.layers) paint(this.canvas, this.layers, this.look);
  }

  opacityControl() {
    const shown = make("output", {}, `${Math.round(100 * opacity)} %`);
    const input = ({ target }) => {
      opacity = target.valueAsNumber / 100;
      shown.textContent = `${target.value} %`;
      this.draw();
    };
    const slider = make("input", {
      type: "range",
      class: "opacity",
      min: 0,
      max: 100,
      value: Math.round(100 * opacity),
      input,
    });
    return make("label", { class: "control" }, make("span", {}, "Mask"), slider, shown);
  }

  /** A picture of three sequences can be looked at one by one. */
  offerSequences() {
    const names = this.answer.model.sequences;
    const isOffered = Boolean(this.layers?.channels && names);
    this.sequence.hidden = !isOffered;
    if (!isOffered || this.sequence.childElementCount) return;
    const options = names.map((name, index) => option(String(index), name, index === this.channel));
    const change = ({ target }) => {
      this.channel = target.value === "" ? null : Number(target.value);
      this.draw();
    };
    this.sequence.append(
      make("span", {}, "Sequence"),
      make("select", { class: "shown", change }, ...options, option("", "all, as colours", this.channel === null)),
    );
  }

  downloads() {
    return make(
      "div",
      { class: "downloads" },
      make("h3", {}, "Download"),
      make("div", { class: "buttons" }, ...this.files()),
    );
  }

  files() {
    const { items, results, title, model } = this.answer;
    const json = button(items.length > 1 ? "JSON of all" : "JSON", () =>
      saveJson(results, `${stem(title)}_${model.name}.json`),
    );
    return isMask(this.item.entry ?? this.item.whole)
      ? [...this.maskFiles(), this.overlayFile("Overlay (PNG)"), json]
      : [json];
  }

  maskFiles() {
    return [button("Mask (PNG)", () => saveAddress(this.entry.mask, fileName(this.entry, "mask.png")))];
  }

  overlayFile(name) {
    return button(name, async () => {
      const { entry } = this;
      const layers = await this.loading;
      if (!layers) return;
      const caption = `${versionOf(this.answer.model)} · ${summary(entry)} · for research use only`;
      saveBlob(overlayPng(layers, this.look, caption), fileName(entry, "overlay.png"));
    });
  }
}

class VolumeView extends View {
  constructor(item, answer) {
    super(item, answer);
    this.index = Math.max(0, firstIndex(item));
    this.profile = profileBars(profile(item));
    this.counter = make("output", { class: "counter" });
    /** Buttons of no use where a slice has no answer. */
    this.ofSlice = [];
    this.marks = knowsSides(item) ? SIDES[item.whole.axis].map((side, at) => mark(side, at)) : [];
  }

  start() {
    if (!this.item.slices.length) {
      this.element.append(make("div", { class: "facts-part" }, ...this.sayings()), this.montage() ?? "");
      return;
    }
    this.build();
    this.stage.append(...this.marks);
    this.stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.go(this.index);
  }

  controls() {
    return [this.sliceControl(), ...super.controls()];
  }

  sliceControl() {
    const input = ({ target }) => this.go(target.valueAsNumber);
    this.slider = make("input", {
      type: "range",
      class: "slice",
      min: 0,
      max: this.item.slices.length - 1,
      value: this.index,
      "aria-label": "Slice",
      input,
    });
    return make(
      "div",
      { class: "control slices", hidden: this.item.slices.length === 1 && "" },
      make("span", { "aria-hidden": "true" }, "Slice"),
      make("div", { class: "slider" }, this.profile, this.slider),
      this.counter,
    );
  }

  sayings() {
    const { whole, slices } = this.item;
    const own = slices.length ? make("section", { class: "this-slice" }, (this.title = make("h3")), this.facts) : null;
    return [
      this.name(),
      ...wholeFacts(whole),
      notes(whole.notes),
      own,
      ...originFacts(whole, this.answer.model),
      this.downloads(),
    ].filter(Boolean);
  }

  said(entry) {
    return ownOf(entry, this.item.whole);
  }

  /** Goes some slices on; whether there is one. */
  step(by) {
    const index = this.index + by;
    if (index < 0 || index >= this.item.slices.length) return false;
    this.go(index);
    return true;
  }

  // At the first and the last slice the page scrolls on.
  wheel(event) {
    if (!event.ctrlKey && event.deltaY && this.step(Math.sign(event.deltaY))) event.preventDefault();
  }

  go(index) {
    this.index = index;
    const { number, entry, error } = this.item.slices[index];
    for (const file of this.ofSlice) file.disabled = !entry;
    const name = `${this.item.whole.axis} slice ${number}`;
    this.slider.value = index;
    this.slider.setAttribute("aria-valuetext", `${name}: ${entry ? summary(entry) : "no answer"}`);
    this.counter.textContent = `${number} (${index + 1} of ${this.item.slices.length})`;
    this.title.textContent = name[0].toUpperCase() + name.slice(1);
    markProfile(this.profile, index);
    if (entry) this.show(entry);
    else this.showError(name, error);
  }

  showError(name, error) {
    this.turn++;
    Object.assign(this, { entry: null, layers: null, loading: null });
    this.stage.classList.add("blank");
    this.canvas.setAttribute("aria-label", `${name}: no answer`);
    this.facts.replaceChildren(make("p", { class: "error" }, error));
  }

  described(entry) {
    return `${entry.axis} slice ${entry.slice}, ${super.described(entry)}`;
  }

  maskFiles() {
    const { whole } = this.item;
    const montage =
      whole.montage && button("Montage (PNG)", () => saveAddress(whole.montage, fileName(whole, "montage.png")));
    const ofSlice = button("Slice mask (PNG)", () => saveAddress(this.entry.mask, fileName(this.entry, "mask.png")));
    this.ofSlice.push(ofSlice);
    return [
      button("Mask (NIfTI)", () => saveAddress(whole.mask, fileName(whole, "mask.nii.gz"))),
      montage,
      ofSlice,
    ].filter(Boolean);
  }

  overlayFile() {
    const overlay = super.overlayFile("Slice overlay (PNG)");
    this.ofSlice.push(overlay);
    return overlay;
  }

  montage() {
    const { montage } = this.item.whole;
    if (!montage) return null;
    return make(
      "details",
      { class: "montage" },
      make("summary", {}, "Slices in one picture"),
      make("img", { src: montage, alt: "Slices of the volume in a grid, with the mask outlined" }),
    );
  }
}

/** The sequence that tumours are outlined on, where the model takes one. */
function shownChannel(model) {
  const index = model.sequences?.findIndex((name) => /flair/i.test(name)) ?? -1;
  return index < 0 ? null : index;
}

function mark(side, at) {
  return make("span", { class: `side side-${at}`, "aria-hidden": "true" }, side);
}

function option(value, text, isChosen) {
  return make("option", { value, selected: isChosen && "" }, text);
}

function button(text, click) {
  return make("button", { type: "button", click }, text);
}
