// Elements made by hand: text stays text, whatever a file's name holds.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** An element; attributes that are functions are listeners, and `false` or `null` leaves one out. */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Says something to those who listen to the page. */
export function announce(text) {
  byId("status").textContent = text;
}

/** Shows an error beside what it is about, or takes it away. */
export function complain(id, text) {
  const place = byId(id);
  place.textContent = text ?? "";
  place.hidden = !text;
}
