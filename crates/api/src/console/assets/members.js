// The tables of members and of events, and the sentence on how the cluster is.

import { byId, colour, count, dot, make } from "./dom.js";
import { holds, light, share } from "./ring.js";

/** Events shown; the newest ones. */
const EVENTS_MAX = 200;

/** Fills the table of members. `ring` gives colours and shares; those who are leaving are not on it. */
export function showMembers(cluster, ring) {
  const places = new Map(ring.members.map((member, place) => [member.nodeId, place]));
  byId("members").replaceChildren(...cluster.members.map((member) => {
    const place = places.get(member.nodeId);
    return row(member, place === undefined ? undefined : ring.members[place], place);
  }));
  byId("members-count").textContent = `(${cluster.members.length})`;
}

function row(member, onRing, place) {
  const tr = make("tr", { "data-node": member.nodeId, tabindex: "0", class: member.self ? "own" : undefined },
    make("td", { class: "plain" }, dot(place === undefined ? "#888" : colour(place)), name(member)),
    state(member),
    make("td", { class: "number plain" }, onRing ? share(onRing) : "–"),
    make("td", { class: "number plain" }, onRing ? holds(onRing) : "–"),
    make("td", { class: "number" }, member.tokens),
    make("td", { class: "plain" }, member.zone ?? ""),
    make("td", { class: "plain" }, member.uri));
  for (const [event, id] of [["mouseenter", member.nodeId], ["focus", member.nodeId], ["mouseleave"], ["blur"]]) {
    tr.addEventListener(event, () => light(id));
  }
  return tr;
}

function name(member) {
  const shown = member.self ? `${member.name} (this node)` : member.name;
  const reachable = /^https?:\/\//.test(member.uri) && !member.self;
  return reachable ? make("a", { href: `${member.uri}/console`, rel: "noreferrer" }, shown) : shown;
}

function state(member) {
  const [text, kind] = member.state === "leaving" ? ["leaving", "warn"]
    : member.condition === "up" ? ["up", "good"]
    : member.condition === "down" ? ["down", "bad"]
    : [member.condition, "warn"];
  return make("td", { class: `plain ${kind}` }, member.seed ? `${text}, seed` : text);
}

/** Fills the table of events, newest first. */
export function showEvents(events) {
  const newest = events.slice(-EVENTS_MAX).reverse();
  byId("events").replaceChildren(...newest.map((event) => make("tr", {},
    make("td", { class: "plain" }, new Date(event.timestamp).toLocaleString()),
    make("td", { class: `plain ${event.type === "ADD" ? "good" : "warn"}` }, event.type),
    make("td", { class: "plain" }, event.name),
    make("td", { class: "plain" }, event.uri),
    make("td", { class: "number" }, event.tokens.length),
    make("td", { class: "code" }, event.nodeId))));
  byId("events-count").textContent = newest.length < events.length
    ? `(the newest ${newest.length} of ${events.length})` : `(${events.length})`;
}

/** Says in one sentence how the cluster is. */
export function showHealth(cluster) {
  byId("node").textContent = `${cluster.name} – alianza`;
  document.title = `${cluster.name} – alianza`;
  const [text, kind] = health(cluster);
  const line = byId("health");
  line.textContent = text;
  line.className = kind;
}

function health(cluster) {
  const away = cluster.members.filter((member) => member.condition === "down" || member.condition === "suspect");
  const nodes = count(cluster.members.length, "node", "nodes");
  if (cluster.blocked.length > 0) return [`Data cannot move on: ${cluster.blocked.join("; ")}.`, "bad"];
  if (away.length > 0) return [`Not reached: ${away.map((member) => member.name).join(", ")}.`, "bad"];
  if (cluster.leaving) return ["This node is leaving.", "warn"];
  if (cluster.stable !== cluster.epoch || cluster.moving > 0) {
    const rest = cluster.moving > 0 ? `, ${count(cluster.moving, "partition", "partitions")} to go from here` : "";
    return [`Data is moving to epoch ${cluster.epoch}${rest}.`, "warn"];
  }
  const hints = cluster.hints > 0 ? `, ${count(cluster.hints, "hint", "hints")} kept for others` : "";
  return [`All well: ${nodes}, epoch ${cluster.epoch}${hints}.`, "good"];
}
