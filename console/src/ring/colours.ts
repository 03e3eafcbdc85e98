// A colour for each node, the same on every page and as long as the cluster lives: nodes are numbered in the order in
// which the history names them. More nodes than colours that can be told apart are all of a calm grey-blue; then those
// that stand out have colours, and those that are away are red.

import { computed, signal } from "@preact/signals";
import { cluster, history, isAway, ringView } from "../node/live";
import type { About } from "../node/types";

/** Well apart for few nodes, also for eyes that do not tell red from green: they differ in lightness, too. */
const FEW = ["#3b7dd8", "#e08a2c", "#2fa37c", "#a35fd0", "#d94f6b", "#12a5bd", "#b39a1e", "#7480e0", "#8c6d4f", "#5f9e3a"];
/** Up to so many nodes have a colour each. */
export const APART_MAX = 24;

/** Nodes that stand out, in order. */
const marked = signal<string[]>([]);

export function mark(nodeIds: string[]): void {
  // An equal list would draw everything anew.
  if (nodeIds.join() !== marked.peek().join()) marked.value = nodeIds;
}

const numbers = computed(() => {
  const found = new Map<string, number>();
  const note = (about: About | undefined) => about?.nodeId && !found.has(about.nodeId) && found.set(about.nodeId, found.size);
  for (const event of history.value) if (event.type === "ADD" || event.type === "REPLACE") note(event.about);
  for (const member of ringView.value?.members ?? []) note(member as unknown as About);
  return found;
});
const many = computed(() => (ringView.value?.members.length ?? 0) > APART_MAX);
const away = computed(() => new Set((cluster.value?.members ?? []).filter((member) => isAway(member.condition)).map((member) => member.nodeId)));

export function colour(nodeId: string): string {
  const number = numbers.value.get(nodeId) ?? numbers.value.size;
  if (many.value) {
    const place = marked.value.indexOf(nodeId);
    if (place >= 0) return FEW[place % FEW.length]!;
    if (away.value.has(nodeId)) return "var(--bad-fill)";
    return `hsl(${206 + ((number * 11) % 30)} 26% ${50 + ((number * 3) % 5) * 6}%)`;
  }
  return FEW[number] ?? `hsl(${Math.round((number * 137.508) % 360)} ${48 + (number % 3) * 12}% ${46 + (number % 4) * 6}%)`;
}
