// The ring of this moment, made once for all pages: who owns what, and what is on its way to whom.

import { computed } from "@preact/signals";
import { cluster, history, ringView } from "../node/live";
import type { Run } from "../ring/ring";
import { gained, Ring, ringAt } from "../ring/ring";

export interface RingNow {
  ring: Ring;
  n: number;
  epoch: number;
  shares: number[];
  copies: number[];
  conditions: Map<string, string>;
  moving: Run[];
}

const shape = computed(() => {
  const view = ringView.value;
  if (!view) return undefined;
  const ring = new Ring(view.partitions, view.members);
  return { ring, n: view.n, epoch: view.epoch, shares: ring.shares(1), copies: ring.shares(view.n) };
});

const stable = computed(() => cluster.value?.stable);

const moving = computed<Run[]>(() => {
  const now = shape.value;
  if (!now || stable.value === undefined || stable.value === now.epoch) return [];
  const before = ringAt(history.value, stable.value, now.ring.partitions);
  return before && before.members.length > 0 ? gained(before, now.ring, now.n) : [];
});

const conditions = computed(() => new Map((cluster.value?.members ?? []).map((member) => [member.nodeId, member.condition])));

export const ringNow = computed<RingNow | undefined>(() => shape.value && { ...shape.value, conditions: conditions.value, moving: moving.value });
