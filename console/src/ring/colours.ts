// A colour for each node, the same on every page and as long as the cluster lives: nodes are numbered in the order in
// which the history names them.

import { computed } from "@preact/signals";
import { history, ringView } from "../node/live";
import type { About } from "../node/types";

/** Well apart for few nodes, also for eyes that do not tell red from green: they differ in lightness, too. */
const FEW = ["#3b7dd8", "#e08a2c", "#2fa37c", "#a35fd0", "#d94f6b", "#12a5bd", "#b39a1e", "#7480e0", "#8c6d4f", "#5f9e3a"];

const numbers = computed(() => {
  const found = new Map<string, number>();
  const note = (about: About | undefined) => about?.nodeId && !found.has(about.nodeId) && found.set(about.nodeId, found.size);
  for (const event of history.value) if (event.type === "ADD" || event.type === "REPLACE") note(event.about);
  for (const member of ringView.value?.members ?? []) note(member as unknown as About);
  return found;
});

export function colour(nodeId: string): string {
  const number = numbers.value.get(nodeId) ?? numbers.value.size;
  return FEW[number] ?? `hsl(${Math.round((number * 137.508) % 360)} ${48 + (number % 3) * 12}% ${46 + (number % 4) * 6}%)`;
}
