// The audit log of the node this page came from, newest lines first.

import { call } from "./ask";
import type { AuditLine } from "./types";

/** Lines kept; older ones are there for `alianza audit`. */
export const KEPT = 2_000;

interface Page {
  lines: AuditLine[];
  cursor: string;
  more: boolean;
}

export interface Audit {
  /** Newest first. */
  lines: AuditLine[];
  /** Where to go on. */
  cursor: string;
  /** There are older ones that were not kept. */
  cut: boolean;
}

/** What was written since `known`, or in the last `since` (as `24h`; nothing: everything) if nothing is known yet. */
export async function read(since: string, known?: Audit): Promise<Audit> {
  let { lines, cursor, cut } = known ?? { lines: [], cursor: "0", cut: false };
  for (;;) {
    const page = await call<Page>("audit.read", { cursor, ...(since !== "" && { since }) });
    cursor = page.cursor;
    lines = [...page.lines.reverse(), ...lines];
    cut ||= lines.length > KEPT;
    lines = lines.slice(0, KEPT);
    if (!page.more) return { lines, cursor, cut };
  }
}
