// The ring as a picture: one path per member, made of the arcs it owns. Partition 0 begins at the top, and the ring goes
// clockwise. A hundred members are a hundred paths, however many tokens they have.

import { byId, colour, count, draw, make } from "./dom.js";

const OUTER = 92;
const INNER = 66;
/** Beyond this many arcs, lines between them would cover them. */
const LINES_MAX = 500;

let ring = { partitions: 1, members: [], runs: [] };

/** Draws a ring as `/v1/ring` describes it. */
export function drawRing(described) {
  ring = described;
  const arcs = ring.members.map(() => []);
  let at = 0;
  for (const [owner, length] of ring.runs) {
    arcs[owner].push(arc(at, length));
    at += length;
  }
  const svg = draw("svg", { viewBox: "-100 -100 200 200", role: "img", "aria-label": inWords() });
  svg.append(draw("circle", { class: "track", r: (OUTER + INNER) / 2, "stroke-width": OUTER - INNER }));
  ring.members.forEach((member, place) => svg.append(path(member, place, arcs[place].join(""))));
  svg.append(draw("text", { y: -2 }, count(ring.members.length, "node", "nodes")));
  svg.append(draw("text", { class: "small", y: 8 }, count(ring.partitions, "partition", "partitions")));
  svg.append(draw("text", { class: "small", y: 15.5 }, count(ring.n, "copy of each", "copies of each")));
  byId("ring").replaceChildren(svg);
  light(undefined);
}

function path(member, place, d) {
  const lines = ring.runs.length <= LINES_MAX && ring.members.length > 1;
  const element = draw("path", { d, fill: colour(place), "fill-rule": "evenodd", "data-node": member.nodeId });
  if (lines) {
    element.setAttribute("stroke", "var(--card)");
    element.setAttribute("stroke-width", "0.5");
  }
  element.append(draw("title", {}, `${member.name}: ${share(member)}`));
  element.addEventListener("mouseenter", () => light(member.nodeId));
  element.addEventListener("mouseleave", () => light(undefined));
  return element;
}

function arc(from, length) {
  if (length >= ring.partitions) return circle(OUTER) + circle(INNER);
  const [start, end] = [angle(from), angle(from + length)];
  const large = end - start > Math.PI ? 1 : 0;
  return `M${point(OUTER, start)}A${OUTER} ${OUTER} 0 ${large} 1 ${point(OUTER, end)}` +
    `L${point(INNER, end)}A${INNER} ${INNER} 0 ${large} 0 ${point(INNER, start)}Z`;
}

const circle = (r) => `M0 ${-r}A${r} ${r} 0 1 1 0 ${r}A${r} ${r} 0 1 1 0 ${-r}Z`;
const angle = (partition) => (partition / ring.partitions) * 2 * Math.PI;
const point = (r, a) => `${(r * Math.sin(a)).toFixed(3)} ${(-r * Math.cos(a)).toFixed(3)}`;

/** How much of the ring a member owns. */
export function share(member) {
  return `${((100 * member.primaries) / ring.partitions).toFixed(1)} %`;
}

/** How much of all copies a member has. */
export function holds(member) {
  const copies = ring.members.reduce((sum, other) => sum + other.copies, 0);
  return `${((100 * member.copies) / Math.max(copies, 1)).toFixed(1)} %`;
}

function inWords() {
  if (ring.members.length > 12) return `A ring of ${ring.members.length} nodes; the table of members lists their shares.`;
  return `Shares of the ring: ${ring.members.map((m) => `${m.name} ${share(m)}`).join(", ")}.`;
}

/** Lets one member stand out, in the picture and in the table; none if the id is undefined. */
export function light(nodeId) {
  const picture = byId("ring");
  picture.classList.toggle("lit", nodeId !== undefined);
  for (const element of document.querySelectorAll("[data-node]")) {
    element.classList.toggle("lit", nodeId !== undefined && element.dataset.node === nodeId);
  }
  const member = ring.members.find((m) => m.nodeId === nodeId);
  const note = member && `${member.name} owns ${share(member)} of the ring and holds ${holds(member)} of all copies.`;
  byId("ring-note").replaceChildren(note ?? make("span", {}, "Point at an arc or a member to see what it owns."));
}
