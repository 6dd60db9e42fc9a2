// Probabilities as bars, and how much of a mask lies in which slice.

import { percent } from "./figures.js";
import { make, makeSvg } from "./markup.js";
import { ranked } from "./answer.js";

/** A bar for each label, the most probable first. */
export function bars(probabilities, prediction) {
  return make(
    "ul",
    { class: "bars", "aria-label": "Probabilities" },
    ...ranked(probabilities).map(([label, p]) => bar(label, p, label === prediction)),
  );
}

function bar(label, p, isTop) {
  const fill = make("span", { class: "bar-fill" });
  fill.style.inlineSize = percent(p).replace(" ", "");
  return make(
    "li",
    { class: isTop ? "bar top-bar" : "bar" },
    make("span", { class: "bar-label" }, label),
    " ",
    make("span", { class: "bar-number" }, percent(p)),
    make("span", { class: "bar-track", "aria-hidden": "true" }, fill),
  );
}

/** A bar for each slice, above the slider; those who cannot see it have the slices' own figures. */
export function profileBars(values) {
  const most = Math.max(...values);
  if (values.length < 2 || !(most > 0)) return null;
  const rects = values.map((value, index) => {
    const height = value > 0 ? Math.max(2, (32 * value) / most) : 0;
    return makeSvg("rect", { x: index - 0.4, y: 32 - height, width: 0.8, height });
  });
  return makeSvg(
    "svg",
    {
      class: "profile",
      viewBox: `0 0 ${values.length - 1} 32`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    },
    ...rects,
  );
}

/** Moves the profile's mark to a slice. */
export function markProfile(svg, index) {
  svg?.querySelectorAll("rect").forEach((rect, at) => rect.classList.toggle("here", at === index));
}
