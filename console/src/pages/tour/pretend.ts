// A node that is not there, for whoever wants to see a join without starting one: it takes tokens in the middle of the
// longest arcs, about as the cluster would choose them.

import type { RingMember } from "../../node/types";
import { Ring } from "../../ring/ring";

export const PRETEND = "ffffffff-ffff-ffff-ffff-ffffffffffff";

export function withPretended(ring: Ring, name: string): Ring {
  const usual = Math.round(ring.members.reduce((sum, member) => sum + member.tokens.length, 0) / Math.max(1, ring.members.length));
  const longest = ring.runs().filter((run) => run.length > 1).sort((a, b) => b.length - a.length).slice(0, Math.max(1, usual));
  const tokens = longest.map((run) => endOf(run.from + (run.length >> 1) - 1, ring.partitions));
  const pretended: RingMember = { nodeId: PRETEND, name, uri: "", zone: null, weight: 100, tokens };
  return new Ring(ring.partitions, [...ring.members, pretended]);
}

/** The token that ends a partition. */
function endOf(partition: number, partitions: number): string {
  const head = ((partition + 1) * (65_536 / partitions)) % 65_536;
  return head.toString(16).padStart(4, "0") + "0".repeat(36);
}
