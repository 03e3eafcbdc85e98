// Small ways to make elements and to ask the node. Texts only ever become text nodes, so nothing that is stored or
// named by somebody can become markup here.

export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; a child that is no element becomes text. */
export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== undefined).map((child) => (child instanceof Node ? child : String(child))));
  return element;
}

/** Asks the node; throws an Error with the sentence of the problem if it refuses. */
export async function ask(path, body) {
  const request = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(path, { ...request, cache: "no-store", signal: AbortSignal.timeout(15_000) });
  } catch {
    throw new Error("This node does not answer. It may have ended; trying again.");
  }
  const json = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(json.detail ?? `The node answered with ${response.status}.`);
  return json;
}

/** The colour of the member at a place: distinct hues for a few, well spread ones for many. */
export function colour(place) {
  const few = ["#2f7ed8", "#e0872b", "#2f9e6e", "#b65fcf", "#d6485a", "#17a2b8", "#a08a1f", "#6c79d9"];
  if (place < few.length) return few[place];
  return `hsl(${Math.round((place * 137.508) % 360)} ${55 + (place % 3) * 12}% ${44 + (place % 4) * 6}%)`;
}

/** A patch of a colour, in front of a name. */
export function dot(fillColour) {
  const svg = draw("svg", { class: "dot", viewBox: "0 0 10 10", "aria-hidden": "true" });
  svg.append(draw("circle", { cx: 5, cy: 5, r: 5, fill: fillColour }));
  return svg;
}

/** A number of things, in words. */
export const count = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
