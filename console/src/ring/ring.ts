// The ring as the nodes compute it (crates/ring): who owns a partition, who holds its copies, and how it was at an
// earlier epoch, folded from the history.

import type { About, HistoryEvent, RingMember } from "../node/types";

/** The partition a token falls into: a token on a boundary belongs to the partition it ends. */
export function partitionOf(token: string, partitions: number): number {
  const head = parseInt(token.slice(0, 4), 16);
  const onBoundary = /^0*$/.test(token.slice(4));
  const top = onBoundary ? (head + 0xffff) & 0xffff : head;
  return top >> (16 - Math.round(Math.log2(partitions)));
}

export interface Run {
  member: number;
  from: number;
  length: number;
}

export class Ring {
  readonly members: RingMember[];
  /** By partition: the place in `#vnodes` of the token that owns it. */
  readonly #next: Int32Array;
  /** Clockwise: the partition each token ends, and whose it is. */
  readonly #vnodes: { end: number; member: number }[] = [];
  readonly #zones: (string | number)[];
  readonly #zoneCount: number;
  readonly #lists = new Map<string, number[]>();

  constructor(readonly partitions: number, members: RingMember[]) {
    this.members = [...members].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
    const holders = new Map<number, number>();
    this.members.forEach((member, place) => member.tokens.forEach((token) => holders.set(partitionOf(token, partitions), place)));
    for (const [end, member] of [...holders].sort((a, b) => a[0] - b[0])) this.#vnodes.push({ end, member });
    this.#next = new Int32Array(partitions);
    let at = 0;
    for (let partition = 0; partition < partitions; partition++) {
      while (at < this.#vnodes.length && this.#vnodes[at]!.end < partition) at++;
      this.#next[partition] = at % Math.max(this.#vnodes.length, 1);
    }
    this.#zones = this.members.map((member, place) => member.zone ?? place);
    this.#zoneCount = new Set(this.#zones).size;
  }

  owner(partition: number): number | undefined {
    return this.#vnodes[this.#next[partition]!]?.member;
  }

  /** The first n distinct members clockwise, no two of one zone while another zone is left. */
  replicas(partition: number, n: number): number[] {
    const start = this.#next[partition]!;
    const known = this.#lists.get(`${start}/${n}`);
    if (known) return known;
    const wanted = Math.min(n, this.members.length);
    const freshWanted = Math.min(n, this.#zoneCount);
    const [fresh, skipped]: [number[], number[]] = [[], []];
    const zones = new Set<string | number>();
    for (let step = 0; step < this.#vnodes.length && !(fresh.length === freshWanted && fresh.length + skipped.length >= wanted); step++) {
      const { member } = this.#vnodes[(start + step) % this.#vnodes.length]!;
      const zone = this.#zones[member]!;
      if (fresh.includes(member) || skipped.includes(member)) continue;
      if (!zones.has(zone) && fresh.length < freshWanted) {
        fresh.push(member);
        zones.add(zone);
      } else skipped.push(member);
    }
    const list = [...fresh, ...skipped.slice(0, wanted - fresh.length)];
    this.#lists.set(`${start}/${n}`, list);
    return list;
  }

  /** Neighbouring partitions of one owner. */
  runs(): Run[] {
    return runsOf(this.partitions, (partition) => this.owner(partition));
  }

  shares(n: number): number[] {
    const counts = this.members.map(() => 0);
    // All partitions up to a token have the same replicas.
    this.#vnodes.forEach(({ end }, at) => {
      const before = this.#vnodes.at(at - 1)!.end;
      const length = (end - before + this.partitions) % this.partitions || this.partitions;
      for (const member of this.replicas(end, n)) counts[member]! += length;
    });
    return counts;
  }

  place(nodeId: string): number {
    return this.members.findIndex((member) => member.nodeId === nodeId);
  }
}

/** Runs of equal answers; partitions without one are left out. */
export function runsOf(partitions: number, of: (partition: number) => number | undefined): Run[] {
  const runs: Run[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const member = of(partition);
    const last = runs.at(-1);
    if (member === undefined) continue;
    if (last && last.member === member && last.from + last.length === partition) last.length++;
    else runs.push({ member, from: partition, length: 1 });
  }
  return runs;
}

/** Partitions that come to a member which did not hold them before; by the place in `after` of who gains them. */
export function gained(before: Ring, after: Ring, n: number): Run[] {
  return runsOf(after.partitions, (partition) => {
    const held = new Set(before.replicas(partition, n).map((place) => before.members[place]!.nodeId));
    return after.replicas(partition, n).find((place) => !held.has(after.members[place]!.nodeId));
  });
}

/** The ring as of an epoch. None if the history does not carry the tokens, as older nodes write it. */
export function ringAt(events: HistoryEvent[], epoch: number, partitions: number): Ring | undefined {
  const members = new Map<string, RingMember>();
  for (const event of events) {
    if (event.epoch > epoch) break;
    if (!apply(members, event.type, event.about)) return undefined;
  }
  return new Ring(partitions, [...members.values()]);
}

/** Whether the history carries the tokens, so that ringAt can go back in it. */
export const tellsTokens = (events: HistoryEvent[]): boolean => events.every((event) => event.type !== "ADD" || event.about.tokens !== undefined);

function apply(members: Map<string, RingMember>, type: string, about: About): boolean {
  const id = about.nodeId ?? "";
  const known = members.get(id);
  switch (type) {
    case "REPLACE":
      members.delete(about.old ?? "");
      return admit(members, about);
    case "ADD":
      return admit(members, about);
    case "REMOVE":
    case "EJECT":
      members.delete(id);
      return true;
    case "READDRESS":
      if (known) members.set(id, { ...known, name: about.name ?? known.name, uri: about.uri ?? known.uri });
      return true;
    case "REWEIGH":
      if (!about.tokens) return false;
      if (known) members.set(id, { ...known, weight: about.weight ?? known.weight, tokens: about.tokens });
      return true;
    case "ABORT":
      return about.by ? apply(members, about.by.type, about.by.about) : false;
    default:
      return true;
  }
}

function admit(members: Map<string, RingMember>, about: About): boolean {
  if (!about.tokens || !about.nodeId) return false;
  const { nodeId, name = "", uri = "", zone = null, weight = 100, tokens } = about;
  members.set(nodeId, { nodeId, name, uri, zone, weight, tokens });
  return true;
}
