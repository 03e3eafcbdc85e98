// Who administered the cluster through this node, when, and what came of it.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { dateTime, moment, number, t } from "../i18n";
import type { Key } from "../i18n";
import { asProblem } from "../node/ask";
import type { Problem } from "../node/ask";
import { KEPT, read } from "../node/audit";
import type { Audit } from "../node/audit";
import { cluster, silentSince } from "../node/live";
import type { AuditLine } from "../node/types";
import { Badge, Card, CommandLine, Empty, Loading, Narrow, Trouble } from "../parts/bits";
import type { Tone } from "../parts/bits";

const SPANS: [string, Key][] = [["1h", "lastHour"], ["24h", "lastDay"], ["7d", "lastWeek"], ["", "all"]];
const AGAIN_MS = 5_000;
/** Lines shown at once. */
const SHOWN = 200;

export function AuditPage() {
  const since = useSignal("24h");
  const wanted = useSignal("");
  const kind = useSignal("");
  const audit = useSignal<Audit | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  useEffect(() => {
    let ended = false;
    const look = async (known?: Audit) => {
      try {
        const now = await read(since.peek(), known);
        if (!ended) [audit.value, problem.value] = [now, undefined];
      } catch (error) {
        if (!ended) problem.value = asProblem(error);
      }
    };
    audit.value = undefined;
    void look();
    const timer = setInterval(() => {
      const calm = document.visibilityState === "visible" && silentSince.peek() === undefined;
      if (calm && audit.peek()) void look(audit.peek());
    }, AGAIN_MS);
    return () => {
      ended = true;
      clearInterval(timer);
    };
  }, [since.value]);
  const lines = audit.value?.lines ?? [];
  const kinds = [...new Set(lines.map((line) => line.what ?? ""))].filter((one) => one !== "").sort();
  const search = wanted.value.toLowerCase();
  const matching = lines.filter((line) => (kind.value === "" || line.what === kind.value) && (search === "" || JSON.stringify(line).toLowerCase().includes(search)));
  const shown = matching.slice(0, SHOWN);
  return (
    <>
      <h1 tabIndex={-1}>{t("page_audit")}</h1>
      <p class="lead">{t("auditLead", { name: cluster.value?.name ?? t("thisNode") })}</p>
      <Card id="audit" title={t("auditTitle", { n: lines.length })}>
        <div class="form-row">
          <label class="field"><span>{t("span")}</span>
            <select value={since.value} onChange={(event) => (since.value = event.currentTarget.value)}>
              {SPANS.map(([one, name]) => <option key={one} value={one}>{t(name)}</option>)}
            </select>
          </label>
          <Narrow kinds={kinds} kind={kind} wanted={wanted} />
        </div>
        <Trouble problem={problem.value} />
        {problem.value && !audit.value ? null : !audit.value ? <Loading /> : shown.length === 0 ? <Empty icon="audit" title={t("noEvents")} /> : <Table lines={shown} />}
        {matching.length > shown.length && <p class="soft">{t("newestOf", { shown: shown.length, n: matching.length })}</p>}
        {audit.value?.cut && <p class="soft">{t("auditCut", { n: KEPT })}</p>}
        <CommandLine line={`alianza audit${since.value === "" ? "" : ` --since ${since.value}`} --node all`} />
        <p class="soft">{t("auditChain")}</p>
      </Card>
    </>
  );
}

function Table({ lines }: { lines: AuditLine[] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("page_audit")}>
      <table class="wide-table">
        <thead>
          <tr>
            <th scope="col">{t("time")}</th>
            <th scope="col">{t("who")}</th>
            <th scope="col">{t("what")}</th>
            <th scope="col">{t("state")}</th>
            <th scope="col">{t("about")}</th>
          </tr>
        </thead>
        <tbody>{lines.map((line, at) => <Line key={line.seq ?? `damaged-${at}`} line={line} />)}</tbody>
      </table>
    </div>
  );
}

function Line({ line }: { line: AuditLine }) {
  if (line.damaged || line.at === undefined) {
    return (
      <tr>
        <th scope="row">–</th>
        <td colSpan={2}>{t("auditDamaged")}</td>
        <td><Badge tone="bad">{t("damagedLine")}</Badge></td>
        <td class="mono"><div class="clamped">{line.text ?? JSON.stringify(line)}</div></td>
      </tr>
    );
  }
  const by = line.by;
  return (
    <tr data-seq={line.seq}>
      <th scope="row">
        <time dateTime={new Date(line.at).toISOString()} title={dateTime(line.at)}>{moment(line.at)}</time>
        <span class="under soft">{t("auditNumber", { seq: number(line.seq ?? 0) })}{line.of !== undefined && ` · ${t("auditOf", { of: number(line.of) })}`}</span>
      </th>
      <td data-label={t("who")}>{by?.name ?? by?.who ?? "–"}<span class="under soft">{[by?.via, by?.from].filter(Boolean).join(" · ")}</span></td>
      <td data-label={t("what")}><code>{line.what}</code></td>
      <td data-label={t("state")}><Badge tone={toneOf(line.state)}>{line.state}</Badge></td>
      <td data-label={t("about")} class="mono"><div class="clamped">{[line.why, ...facts(line.about)].filter(Boolean).join(" ")}</div></td>
    </tr>
  );
}

const facts = (about: Record<string, unknown> | undefined): string[] => Object.entries(about ?? {}).map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);

function toneOf(state: string | undefined): Tone {
  if (state === "done") return "good";
  if (state === "failed") return "bad";
  if (state === "refused" || state === "unknown") return "warn";
  return "plain";
}
