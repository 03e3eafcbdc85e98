// The state of the cluster in one sentence, and what stands behind it.

import { list, t } from "../i18n";
import { isAway } from "../node/live";
import type { Cluster } from "../node/types";
import type { Tone } from "./bits";

/** Names that a sentence may have. */
const NAMES = 4;

export interface Health {
  tone: Tone;
  sentence: string;
  /** What to do, or what it means; may be empty. */
  advice: string;
  /** Sentences of the node, in English. */
  details: string[];
}

export function health(cluster: Cluster | undefined, silentSince: number | undefined): Health {
  if (silentSince !== undefined) return { tone: "bad", sentence: t("healthSilent", { name: cluster?.name ?? t("thisNode") }), advice: t("healthSilentAdvice"), details: [] };
  if (!cluster) return { tone: "wait", sentence: t("asking"), advice: "", details: [] };
  const away = cluster.members.filter((member) => isAway(member.condition));
  const names = few(away.map((member) => member.name));
  if (cluster.blocked.length > 0) return { tone: "bad", sentence: away.length > 0 ? t("healthBlockedAway", { names }) : t("healthBlocked"), advice: t("healthBlockedAdvice"), details: cluster.blocked };
  if (away.length > 0) return { tone: "bad", ...inDanger(cluster, away.length, names), details: cluster.steps };
  if (cluster.leaving) return { tone: "warn", sentence: t("healthLeaving", { name: cluster.name }), advice: t("healthLeavingAdvice"), details: cluster.steps };
  if (cluster.stable !== cluster.epoch) return { tone: "warn", sentence: t("healthMoving", { n: cluster.epoch - cluster.stable }), advice: t("healthMovingAdvice"), details: cluster.steps };
  const hints = cluster.hints.reduce((sum, hint) => sum + hint.waiting, 0);
  const copies = Math.min(...cluster.buckets.map((bucket) => bucket.n));
  if (cluster.members.length < copies) return { tone: "warn", sentence: t("healthFew", { n: cluster.members.length }), advice: t("healthFewAdvice", { copies }), details: [] };
  return { tone: "good", sentence: t("healthGood", { n: cluster.members.length }), advice: hints > 0 ? t("healthHints", { n: hints }) : "", details: [] };
}

/** Whether a quorum is left depends on how many copies a bucket has; the worst bucket counts. */
function inDanger(cluster: Cluster, away: number, names: string): { sentence: string; advice: string } {
  const sentence = t("healthAway", { n: away, names });
  const worst = cluster.buckets.filter((bucket) => away > Math.min(bucket.n, cluster.members.length) - (Math.floor(Math.min(bucket.n, cluster.members.length) / 2) + 1));
  const advice = worst.length > 0 ? t("healthAwayQuorum", { buckets: list(worst.map((bucket) => bucket.name)) }) : t("healthAwayFine");
  return { sentence, advice };
}

/** The first of many names. */
function few(names: string[]): string {
  return names.length <= NAMES ? list(names) : `${names.slice(0, NAMES).join(", ")} ${t("andMore", { n: names.length - NAMES })}`;
}
