// SQL over what this node stores, or over the whole cluster; read-only.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { duration, number, t } from "../i18n";
import { asProblem, ask } from "../node/ask";
import type { Problem } from "../node/ask";
import { cluster, silentSince } from "../node/live";
import type { Rows } from "../node/types";
import { Card, CommandLine, Empty, Trouble } from "../parts/bits";
import { Icon } from "../parts/icons";
import { remember, remembered } from "../parts/memory";
import { csv } from "./csv";

const FIRST = "SELECT * FROM item LIMIT 200";
const EXAMPLES = [
  FIRST,
  "SELECT bucket, count(*) AS items, sum(length(value)) AS bytes FROM item GROUP BY bucket",
  "SELECT key, length(value) AS bytes FROM item ORDER BY bytes DESC LIMIT 20",
  "SELECT substr(hash, 1, 1) AS sixteenth, count(*) AS items FROM item GROUP BY 1",
  "SELECT bucket, key, sort, value FROM item WHERE key LIKE 'key_%' ORDER BY key",
];
/** Rows put on the page; more make browsers slow and nobody wiser. */
const ROWS_MAX = 1_000;
const CELL_MAX = 2_000;
/** A statement slower than this is not repeated by itself. */
const CHEAP_MS = 250;
const AGAIN_MS = 5_000;
const KEPT = 20;

const past = (): string[] => {
  try {
    const kept: unknown = JSON.parse(remembered("statements") ?? "[]");
    return Array.isArray(kept) ? kept.filter((one): one is string => typeof one === "string") : [];
  } catch {
    return [];
  }
};

export function Sql() {
  const sql = useSignal(past()[0] ?? FIRST);
  const answer = useSignal<Rows | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const took = useSignal(0);
  const running = useSignal(false);
  const auto = useSignal(true);
  const everywhere = useSignal(false);
  const statements = useSignal(past());
  const last = useRef<string | undefined>(undefined);

  const run = async (byHand: boolean) => {
    if (running.value) return;
    running.value = true;
    const text = sql.value;
    const started = performance.now();
    try {
      answer.value = await ask<Rows>("/console/sql", { sql: text, ...(everywhere.value && { scope: "cluster" }) });
      [problem.value, last.current, took.value] = [undefined, text, performance.now() - started];
      if (byHand) keep(text);
    } catch (error) {
      [problem.value, last.current] = [asProblem(error), undefined];
    } finally {
      running.value = false;
    }
  };
  const keep = (text: string) => {
    statements.value = [text, ...statements.value.filter((one) => one !== text)].slice(0, KEPT);
    remember("statements", JSON.stringify(statements.value));
  };
  useEffect(() => {
    void run(false);
    const timer = setInterval(() => {
      const calm = auto.value && !everywhere.value && document.visibilityState === "visible" && silentSince.value === undefined;
      if (calm && took.value < CHEAP_MS && sql.value === last.current) void run(false);
    }, AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  const choose = (event: Event & { currentTarget: HTMLSelectElement }) => {
    if (event.currentTarget.value) sql.value = event.currentTarget.value;
    event.currentTarget.value = "";
    void run(false);
  };
  return (
    <>
      <h1 tabIndex={-1}>{t("page_sql")}</h1>
      <p class="lead">{everywhere.value ? t("sqlLeadAll") : t("sqlLead", { name: cluster.value?.name ?? t("thisNode") })}</p>
      <Card id="query" title={t("statement")} aside={
        <select class="small-select" aria-label={t("examples")} onChange={choose}>
          <option value="">{t("examples")}</option>
          <optgroup label={t("examples")}>{EXAMPLES.map((one) => <option key={one} value={one}>{one}</option>)}</optgroup>
          {statements.value.length > 0 && <optgroup label={t("earlier")}>{statements.value.map((one) => <option key={one} value={one}>{one}</option>)}</optgroup>}
        </select>
      }>
        <form onSubmit={(event) => { event.preventDefault(); void run(true); }}>
          <label class="field"><span>{t("sqlLabel")}</span>
            <textarea id="sql" rows={4} spellcheck={false} autocomplete="off" value={sql.value} onInput={(event) => (sql.value = event.currentTarget.value)} onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); void run(true); } }} />
          </label>
          <div class="actions">
            <button type="submit" disabled={running.value}><Icon name="play" /> {t("run")} <kbd>Ctrl</kbd> <kbd>Enter</kbd></button>
            <div class="segments" role="group" aria-label={t("whereAsk")}>
              {[false, true].map((all) => <button key={String(all)} type="button" aria-pressed={everywhere.value === all} onClick={() => { everywhere.value = all; void run(false); }}>{t(all ? "wholeCluster" : "thisNodeOnly")}</button>)}
            </div>
            <label class="check"><input type="checkbox" disabled={everywhere.value} checked={auto.value} onChange={(event) => (auto.value = event.currentTarget.checked)} /> {t("refresh")}</label>
          </div>
        </form>
        <Trouble problem={problem.value} />
      </Card>
      <Result answer={answer.value} took={took.value} />
      <CommandLine line={`curl -d '${JSON.stringify({ sql: sql.value, ...(everywhere.value && { scope: "cluster" }) }).replaceAll("'", "'\\''")}' ${location.origin}/console/sql`} />
    </>
  );
}

function Result({ answer, took }: { answer: Rows | undefined; took: number }) {
  if (!answer) return null;
  const shown = answer.rows.slice(0, ROWS_MAX);
  const numeric = answer.columns.map((_, at) => shown.every((row) => row[at] === null || typeof row[at] === "number"));
  const save = () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv(answer)], { type: "text/csv" }));
    link.download = "rows.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
  };
  return (
    <Card id="rows" title={t("rowsTitle", { n: answer.rows.length })} aside={<><span class="soft">{duration(took / 1e3)}</span> <button type="button" class="quiet small-button" disabled={answer.rows.length === 0} onClick={save}>{t("saveCsv")}</button></>}>
      {(answer.truncated || shown.length < answer.rows.length) && <p class="warn-line"><Icon name="warn" /> {answer.truncated ? t("rowsTruncated", { n: answer.rows.length }) : t("rowsShown", { n: shown.length })}</p>}
      {answer.partial && <Partial partial={answer.partial} />}
      {answer.rows.length === 0 ? <Empty icon="sql" title={t("noRows")}><CommandLine line={`curl -d '{"type":"PUT","key":"key_1","value":"one"}' ${location.origin}/`} /></Empty> : (
        <div class="scroll tall" tabIndex={0} role="region" aria-label={t("rowsTitle", { n: answer.rows.length })}>
          <table>
            <thead><tr>{answer.columns.map((column, at) => <th scope="col" key={at} class={numeric[at] ? "number" : ""}>{column}</th>)}</tr></thead>
            <tbody>{shown.map((row, line) => <tr key={line}>{row.map((cell, at) => <Cell key={at} cell={cell} numeric={numeric[at]!} />)}</tr>)}</tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function Partial({ partial }: { partial: NonNullable<Rows["partial"]> }) {
  return (
    <p class="warn-line" role="alert">
      <Icon name="warn" />
      <span>
        {partial.unread > 0 && <b>{t("partial", { unread: partial.unread, of: partial.of })}</b>} {partial.because && <span lang="en">{partial.because}</span>}
      </span>
    </p>
  );
}

function Cell({ cell, numeric }: { cell: unknown; numeric: boolean }) {
  if (cell === null) return <td class="soft">null</td>;
  if (typeof cell === "object") return <td class="mono soft"><div class="clamped">base64 {short((cell as { base64: string }).base64)}</div></td>;
  if (numeric) return <td class="number">{Number.isInteger(cell) ? number(cell as number) : String(cell)}</td>;
  const text = String(cell);
  return text.length <= 40 ? <td class="mono whole">{text}</td> : <td class="mono"><div class="clamped">{short(text)}</div></td>;
}

const short = (text: string) => (text.length > CELL_MAX ? `${text.slice(0, CELL_MAX)}…` : text);
