// What an event of the history says, in words.

import { t } from "../i18n";
import type { About, HistoryEvent } from "../node/types";
import type { Tone } from "../parts/bits";

export function sayEvent(event: HistoryEvent, all: HistoryEvent[]): string {
  return say(event.type, event.about, all);
}

function say(type: string, about: About, all: HistoryEvent[]): string {
  const name = about.name ?? nameOf(about.nodeId, all);
  switch (type) {
    case "CREATE":
      return t("event_create", { partitions: Number(about.partitions), n: Number(about.n) });
    case "ADD":
      return t("event_add", { name });
    case "REMOVE":
      return t("event_remove", { name });
    case "EJECT":
      return t("event_eject", { name });
    case "REPLACE":
      return t("event_replace", { name, old: nameOf(about.old, all) });
    case "READDRESS":
      return t("event_readdress", { name, uri: about.uri ?? "" });
    case "REWEIGH":
      return t("event_reweigh", { name, weight: Number(about.weight) });
    case "BUCKET":
      return t("event_bucket", { name: String(about.name), n: Number(about.n) });
    case "RESTORE":
      return t("event_restore", { name: String(about.name) });
    case "ABORT":
      return t("event_abort", { of: String(about.of), what: about.by ? say(about.by.type, about.by.about, all) : "" });
    default:
      return type;
  }
}

export function nameOf(nodeId: string | undefined, all: HistoryEvent[]): string {
  const known = all.findLast((event) => event.about.nodeId === nodeId && event.about.name);
  return known?.about.name ?? nodeId?.slice(0, 8) ?? "?";
}

export function toneOf(type: string): Tone {
  if (type === "ADD" || type === "REPLACE") return "good";
  if (type === "REMOVE" || type === "ABORT" || type === "REWEIGH") return "warn";
  if (type === "EJECT") return "bad";
  return "plain";
}
