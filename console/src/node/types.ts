// What the node answers, as far as the console uses it; docs/http-api.md describes it.

export interface Member {
  nodeId: string;
  name: string;
  uri: string;
  self: boolean;
  state: "active" | "leaving";
  condition: string;
  reachedByOthers: boolean;
  roundTripMs: number | null;
  phi: number;
  seed: boolean;
  zone: string | null;
  weight: number;
  tokens: number;
  copies: number;
  progress: { acked: number; synced: number; switched: number };
}

export interface Bucket {
  id: number;
  name: string;
  n: number;
  r: string;
  w: string;
  mode: "eventual" | "linearizable";
  rule: "lww" | "siblings";
  ttl: string | null;
}

export interface HintsWaiting {
  nodeId: string;
  name: string;
  waiting: number;
  more: boolean;
  full: boolean;
}

export interface Cluster {
  cluster: string;
  nodeId: string;
  name: string;
  epoch: number;
  stable: number;
  reading: number;
  partitions: number;
  members: Member[];
  buckets: Bucket[];
  voters: string[];
  moving: number;
  hints: HintsWaiting[];
  steps: string[];
  bytesLeft: number;
  secondsLeft: number;
  blocked: string[];
  leaving: boolean;
}

export interface RingMember {
  nodeId: string;
  name: string;
  uri: string;
  zone: string | null;
  weight: number;
  tokens: string[];
}

export interface RingView {
  epoch: number;
  partitions: number;
  n: number;
  members: (RingMember & { primaries: number; copies: number })[];
  runs: [number, number][];
}

export interface About {
  nodeId?: string;
  name?: string;
  uri?: string;
  zone?: string | null;
  weight?: number;
  tokens?: string[];
  old?: string;
  of?: number;
  by?: { type: string; about: About };
  [more: string]: unknown;
}

/** A line of the audit log; `damaged` ones have only their text. */
export interface AuditLine {
  seq?: number;
  at?: number;
  what?: string;
  state?: string;
  by?: { who: string; name?: string; via?: string; from?: string | null };
  about?: Record<string, unknown>;
  of?: number;
  why?: string;
  damaged?: boolean;
  text?: string;
}

export interface HistoryEvent {
  epoch: number;
  timestamp: number;
  time: string;
  type: string;
  about: About;
}

export interface Repair {
  name: string;
  trees: number;
  identical: number;
  differing: number;
  identicalSince: number | null;
  building: number;
  comparing: number;
  leftInPass: number;
  repairing: number;
  damaged: number;
  spent: number;
  collected: number;
  notCollectedBecause: string[];
  listed: { partition: number; bucket: string; differing: { name: string }[]; notCompared: { name: string }[] }[];
}

export interface Stats {
  node: string;
  uptime: number;
  operations: { operation: string; level: string; count: number; errors: number; buckets: [number | string | null, number][] }[];
  connections?: Record<string, number>;
  storage?: { bytes?: number; free?: number; [more: string]: number | undefined };
  queues?: Record<string, number>;
  hints?: number;
  peers?: { node: string; condition: string; rtt: number | null }[];
}

export interface Plan {
  plan: string;
  epoch: number;
  change: string;
  partitions: number;
  bytes: number;
  seconds: number;
  atRisk: number;
  lost: number;
  single: number;
  tooFewCopies: number;
  gains: { nodeId: string; name: string; copies: number }[];
}

/** A value or key as JSON has it: text, or bytes in base64 under another name. */
export interface Found {
  key?: string;
  key_base64?: string;
  sort?: string;
  sort_base64?: string;
  value?: string;
  value_base64?: string;
  contentType?: string;
  /** Milliseconds since 1970. */
  expires?: number;
  values?: { value?: string; value_base64?: string; contentType?: string; expires?: number }[];
  context?: string;
  version?: number;
}

export interface ExplainedVersion {
  dot: string;
  node: string;
  stamp: { millis: number; counter: number; time: string };
  tombstone: boolean;
  expires: number | null;
  expired: boolean;
  visible: boolean;
  bytes: number;
  heldBy: string[];
  contentType: string | null;
  cut?: boolean;
  value?: string;
  value_base64?: string;
}

export interface ExplainedNode {
  nodeId: string;
  name: string;
  uri: string;
  replica: boolean;
  condition: string;
  answered: string;
  holds?: "record" | "nothing" | "unreadable";
  error?: string | null;
  versions?: string[];
  visible?: string[];
  seen?: string[];
  behind?: boolean;
  /** In a linearizable bucket. */
  register?: { promised: string; accepted: string | null; version: number | null; deleted: boolean; voted: boolean } | null;
  epoch?: number;
  partitionHash?: string | null;
}

export interface ExplainedAnswer {
  at?: string;
  found?: boolean;
  versions?: string[];
  refused?: { needed: number; got: number };
  impossible?: boolean;
  unclear?: boolean;
  undecided?: boolean;
}

export interface Explained {
  bucket: Bucket;
  token: string;
  partition: number;
  by: string;
  time: string;
  views: { epoch: number; reads: boolean; writes: boolean; replicas: string[] }[];
  nodes: ExplainedNode[];
  versions: ExplainedVersion[];
  merged: { versions: string[]; visible: string[] };
  hints: { waiting: { on: string; for: string }[]; notAllLookedAtOn: string[] };
  repair: { item: string; partition: string };
  answers: { one: ExplainedAnswer[]; quorum: ExplainedAnswer[]; all: ExplainedAnswer[] };
}

export interface Rows {
  columns: string[];
  rows: unknown[][];
  truncated?: boolean;
  /** What is missing from rows of the whole cluster. */
  partial?: { unread: number; of: number; because?: string };
}
