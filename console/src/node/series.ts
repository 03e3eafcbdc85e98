// Statistics over time: the differences between what nodes counted at two looks, for the last few minutes.
// A node that was started again in between, or is new, is left out of that difference.

import { signal } from "@preact/signals";
import type { Stats } from "./types";

/** Samples kept: five minutes of one every two seconds. */
const KEPT = 150;

/** Of the cluster's own keeping, and this page's asking: not what clients do. */
const OWN = new Set(["admin", "explain", "dump", "restore"]);

/** What happened between two looks, per second; latencies in seconds. A sample without a span is a gap. */
export interface Sample {
  at: number;
  gap?: boolean;
  /** Operations per second, by name. */
  rates: Record<string, number>;
  errors: Record<string, number>;
  /** p50, p95, p99 of all operations; none if there were none. */
  latency: { p50?: number; p95?: number; p99?: number };
}

export type Histogram = [number, number][];

export class Series {
  readonly samples = signal<Sample[]>([]);
  /** The newest statistics, by node. */
  readonly latest = signal<Map<string, Stats>>(new Map());
  #before: { stats: Map<string, Stats>; at: number } | undefined;

  /** Takes in what the nodes say at one moment. */
  add(all: Stats[], at: number): void {
    const before = this.#before;
    const stats = new Map(all.map((one) => [one.node, one]));
    this.#before = { stats, at };
    this.latest.value = stats;
    if (!before || at <= before.at) return;
    const pairs = all.flatMap((now): [Stats, Stats][] => {
      const was = before.stats.get(now.node);
      return was && was.uptime <= now.uptime ? [[was, now]] : [];
    });
    this.#push(pairs.length === 0 ? gapAt(at) : difference(pairs, (at - before.at) / 1e3, at));
  }

  /** The node was not reached. */
  gap(): void {
    this.#before = undefined;
    if (this.samples.peek().length > 0) this.#push(gapAt(Date.now()));
  }

  /** Other nodes are looked at from now on. */
  clear(): void {
    this.#before = undefined;
    this.samples.value = [];
  }

  #push(sample: Sample): void {
    this.samples.value = [...this.samples.peek().slice(1 - KEPT), sample];
  }
}

const gapAt = (at: number): Sample => ({ at, gap: true, rates: {}, errors: {}, latency: {} });

/** What happened between two looks at some nodes, all together. */
export function difference(pairs: [before: Stats, now: Stats][], seconds: number, at: number): Sample {
  const rates: Record<string, number> = {};
  const errors: Record<string, number> = {};
  const histogram = new Map<number, number>();
  for (const [before, now] of pairs) {
    const old = new Map(before.operations.map((operation) => [`${operation.operation}/${operation.level}`, operation]));
    for (const operation of now.operations) {
      if (OWN.has(operation.operation)) continue;
      const was = old.get(`${operation.operation}/${operation.level}`);
      const name = operation.operation;
      rates[name] = (rates[name] ?? 0) + Math.max(0, operation.count - (was?.count ?? 0)) / seconds;
      errors[name] = (errors[name] ?? 0) + Math.max(0, operation.errors - (was?.errors ?? 0)) / seconds;
      const oldBuckets = new Map((was?.buckets ?? []).map(([bound, count]) => [upper(bound), count]));
      // What was slower than the highest bound is in the count only.
      oldBuckets.set(Infinity, was?.count ?? 0);
      for (const [bound, count] of [...operation.buckets, [null, operation.count] as const]) {
        const up = upper(bound);
        histogram.set(up, (histogram.get(up) ?? 0) + Math.max(0, count - (oldBuckets.get(up) ?? 0)));
      }
    }
  }
  const sorted: Histogram = [...histogram].sort((a, b) => a[0] - b[0]);
  const latency = { p50: percentile(sorted, 0.5), p95: percentile(sorted, 0.95), p99: percentile(sorted, 0.99) };
  return { at, rates, errors, latency };
}

const upper = (bound: number | string | null): number => (typeof bound === "number" ? bound : Infinity);

/** The value below which a part of the observations lie, from cumulative counts by upper bound; none without any. */
export function percentile(cumulative: Histogram, part: number): number | undefined {
  const total = cumulative.at(-1)?.[1] ?? 0;
  if (total <= 0) return undefined;
  const wanted = part * total;
  let [lower, below] = [0, 0];
  for (const [bound, count] of cumulative) {
    if (count >= wanted) {
      if (!Number.isFinite(bound)) return lower;
      return lower + (bound - lower) * (count === below ? 1 : (wanted - below) / (count - below));
    }
    [lower, below] = [bound, count];
  }
  return lower;
}
