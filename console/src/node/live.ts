// What is known of the cluster, kept fresh while somebody looks: asked for every other second, the ring and the history
// only when the epoch has changed.

import { computed, signal } from "@preact/signals";
import { remember, remembered } from "../parts/memory";
import { asProblem, ask } from "./ask";
import { Series } from "./series";
import { listen } from "./stream";
import type { Cluster, HistoryEvent, Repair, RingView, Stats } from "./types";

const EVERY_MS = 2_000;
/** A node that has no statistics is asked again now and then: it may be newer after a restart. */
const STATS_AGAIN_MS = 30_000;
/** Up to so many nodes are all asked for their numbers. */
const ASKED_MAX = 12;

export const cluster = signal<Cluster | undefined>(undefined);
export const ringView = signal<RingView | undefined>(undefined);
export const history = signal<HistoryEvent[]>([]);
export const repair = signal<Repair | undefined>(undefined);
/** Since when the node does not answer, in ms; none while it does. */
export const silentSince = signal<number | undefined>(undefined);
export const series = new Series();
/** Whether the node gives statistics: not known, yes, no. */
export const hasStats = signal<boolean | undefined>(undefined);
/** Whether the numbers of all nodes are wanted, or of this one. */
export const everywhere = signal(remembered("numbers") !== "node");
/** Asking all of a large cluster every other second would not be gentle. */
export const mayAskAll = computed(() => (cluster.value?.members.length ?? 0) <= ASKED_MAX);
/** Whether a change of the ring is under way. */
export const changing = computed(() => cluster.value !== undefined && cluster.value.stable !== cluster.value.epoch);
/** The most bytes that were still to send during the change under way, for its progress. */
export const bytesAtMost = signal(0);
/** Pages that show repair say so; comparing is not free. */
export const repairWanted = signal(0);

let statsAskedAt = -Infinity;
let repairAskedAt = -Infinity;
let timer: ReturnType<typeof setTimeout> | undefined;
let running = false;

async function round(): Promise<void> {
  const now = await ask<Cluster>("/v1/cluster");
  if (now.epoch !== ringView.peek()?.epoch) {
    const [ring, past] = await Promise.all([ask<RingView>("/v1/ring"), ask<{ events: HistoryEvent[] }>("/v1/history")]);
    ringView.value = ring;
    history.value = past.events;
  }
  bytesAtMost.value = now.stable === now.epoch ? 0 : Math.max(bytesAtMost.peek(), now.bytesLeft);
  cluster.value = now;
  silentSince.value = undefined;
  await Promise.all([askStats(), askRepair()]);
}

async function askStats(): Promise<void> {
  if (hasStats.peek() === false && performance.now() - statsAskedAt < STATS_AGAIN_MS) return;
  statsAskedAt = performance.now();
  try {
    const own = await ask<Stats>("/v1/stats");
    const others = everywhere.peek() && mayAskAll.peek() ? await askOthers() : [];
    series.add([own, ...others], Date.now());
    hasStats.value = true;
  } catch (error) {
    if (asProblem(error).status === 404) hasStats.value = false;
    else throw error;
  }
}

/** What the other nodes say, through this one; those that cannot be reached are left out. */
async function askOthers(): Promise<Stats[]> {
  const others = cluster.peek()?.members.filter((member) => !member.self && !isAway(member.condition)) ?? [];
  const said = await Promise.allSettled(others.map((member) => ask<Stats>(`/v1/stats?node=${encodeURIComponent(member.name)}`, undefined, undefined, EVERY_MS)));
  return said.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}

/** Whose numbers are shown: those of all nodes, or of this one. */
export function showEverywhere(all: boolean): void {
  if (all === everywhere.peek()) return;
  everywhere.value = all;
  remember("numbers", all ? "all" : "node");
  series.clear();
  void look();
}

async function askRepair(): Promise<void> {
  if (repairWanted.peek() === 0 || performance.now() - repairAskedAt < 2 * EVERY_MS) return;
  repairAskedAt = performance.now();
  repair.value = await ask<Repair>("/v1/repair");
}

async function look(): Promise<void> {
  clearTimeout(timer);
  if (running) return;
  running = true;
  try {
    if (document.visibilityState === "visible") await round();
  } catch {
    silentSince.value ??= Date.now();
    series.gap();
  } finally {
    running = false;
    clearTimeout(timer);
    timer = setTimeout(look, EVERY_MS);
  }
}

/** Looks at once, for instance after something was changed from here. */
export const lookNow = look;

/** Takes events in as they arrive, from the newest one known on, until what it returns is called. */
export function follow(): () => void {
  return listen(history.peek().at(-1)?.epoch ?? 0, (event) => {
    if (event.epoch <= (history.peek().at(-1)?.epoch ?? 0)) return;
    history.value = [...history.peek(), event];
    // The ring and the members have changed, too.
    void look();
  });
}

export function start(): void {
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void look());
  void look();
}

/** Whether a member cannot be reached from here. */
export const isAway = (condition: string): boolean => condition.startsWith("down") || condition === "suspect";
