// Choosing scans: by the button, by the camera, dropped, and one for each sequence of a head.

import { counted } from "./figures.js";
import { byId, complain, make } from "./markup.js";
import { MAIN_PART, SEQUENCE_PARTS } from "./question.js";

/** Calls `onFiles` with what is chosen, photographed or dropped, and of what was dropped the names of what cannot be read. */
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
      if (files.length) onFiles(files, []);
    });
  }
  listenToDrops(onFiles);
  byId("slices").addEventListener("change", ({ target }) => {
    byId("range").hidden = target.value !== "range";
  });
}

/** Anywhere on the page will do: a browser would leave the page for a file that misses. */
function listenToDrops(onFiles) {
  const zone = byId("drop");
  const over = (isOver) => zone.classList.toggle("over", isOver);
  addEventListener("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) over(false);
  });
  addEventListener("drop", (event) => {
    over(false);
    const isForSequence = event.target instanceof HTMLInputElement && event.target.type === "file";
    if (isForSequence && !event.target.matches(":disabled")) return;
    event.preventDefault();
    take(event.dataTransfer, onFiles);
  });
}

async function take(transfer, onFiles) {
  const lost = [];
  const files = await dropped(transfer, lost);
  if (!files.length) complain("files-error", "Nothing that was dropped can be read as a file.");
  else onFiles(files, lost);
}

/** The files that were dropped, those of folders too; the names of those that cannot be read are added to `lost`. */
async function dropped(transfer, lost) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const files = await Promise.all(entries.map((entry) => found(entry, lost)));
  return files.flat();
}

async function found(entry, lost) {
  try {
    return await filesOf(entry, lost);
  } catch {
    lost.push(entry.name);
    return [];
  }
}

async function filesOf(entry, lost) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const files = [];
  for (;;) {
    // A folder comes in portions, and an empty one ends it.
    const portion = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!portion.length) return files;
    files.push(...(await Promise.all(portion.map((one) => found(one, lost)))).flat());
  }
}

/** Says which files the next question is about. */
export function showChosen(files) {
  const names = files
    .slice(0, 3)
    .map((file) => file.name)
    .join(", ");
  const more = files.length > 3 ? ` and ${counted(files.length - 3, "other")}` : "";
  byId("chosen").hidden = false;
  byId("chosen").querySelector("p").textContent = names + more;
}

/** Shows a chooser for each sequence that the model takes, or none. */
export function showSequences(names) {
  byId("sequences").hidden = !names;
  complain("sequences-error", null);
  const rows = (names ?? [])
    .slice(0, SEQUENCE_PARTS.length)
    .map((name, index) =>
      make(
        "label",
        { class: "sequence" },
        make("span", {}, name),
        make("input", { type: "file", id: `sequence-${SEQUENCE_PARTS[index]}` }),
      ),
    );
  byId("sequence-files").replaceChildren(...rows);
}

/** The volumes that were chosen, with the names of their parts; null where the main one is missing, which is said. */
export function chosenSequences() {
  const given = SEQUENCE_PARTS.map((part) => [part, byId(`sequence-${part}`)?.files[0]]).filter(([, file]) => file);
  const isFit = given.some(([part]) => part === MAIN_PART);
  complain("sequences-error", isFit ? null : "Choose the FLAIR volume: the mask is written in its grid.");
  if (!isFit) byId(`sequence-${MAIN_PART}`).focus();
  return isFit ? given : null;
}
