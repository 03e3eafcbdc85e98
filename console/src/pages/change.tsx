// A change of the cluster: first the plan, with what it moves and what it puts at risk, then, if wanted, the change.
// Each step shows the line of the shell that does the same.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { bytes, number, span, t } from "../i18n";
import type { Key } from "../i18n";
import { asProblem, ask } from "../node/ask";
import type { Problem } from "../node/ask";
import { isAway, lookNow } from "../node/live";
import type { Cluster, Plan } from "../node/types";
import { Badge, Card, CommandLine, NodeName, Trouble } from "../parts/bits";
import { Icon } from "../parts/icons";
import { quoted } from "./data/key";

const KINDS = ["leave", "remove", "reweigh", "replace", "bucket"] as const;
type Kind = (typeof KINDS)[number];

export function Change({ now, chosen }: { now: Cluster; chosen: string | undefined }) {
  const kind = useSignal<Kind>("leave");
  const node = useSignal(now.members[0]?.name ?? "");
  const weight = useSignal(200);
  const bucket = useSignal("default");
  const copies = useSignal(3);
  const plan = useSignal<Plan | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const busy = useSignal(false);
  const applied = useSignal<number | undefined>(undefined);
  useEffect(() => {
    if (chosen === undefined) return;
    node.value = chosen;
    const member = now.members.find((one) => one.name === chosen);
    kind.value = member && isAway(member.condition) ? "remove" : kind.value === "bucket" || kind.value === "remove" ? "leave" : kind.value;
    weight.value = member && member.weight !== 200 ? 200 : 100;
    forget();
  }, [chosen]);

  const wish = (): Record<string, unknown> => {
    if (kind.value === "bucket") return { bucket: bucket.value, n: copies.value };
    return kind.value === "reweigh" ? { reweigh: node.value, weight: weight.value } : { [kind.value]: node.value };
  };
  const flags = () => {
    if (kind.value === "bucket") return `--bucket ${quoted(bucket.value)} --n ${copies.value}`;
    return kind.value === "reweigh" ? `--reweigh ${quoted(node.value)} --weight ${weight.value}` : `--${kind.value} ${quoted(node.value)}`;
  };
  const forget = () => {
    plan.value = undefined;
    problem.value = undefined;
    applied.value = undefined;
  };
  const attempt = async (work: () => Promise<void>) => {
    busy.value = true;
    problem.value = undefined;
    try {
      await work();
    } catch (error) {
      problem.value = asProblem(error);
    } finally {
      busy.value = false;
    }
  };
  const look = (event: Event) => {
    event.preventDefault();
    applied.value = undefined;
    void attempt(async () => void (plan.value = await ask<Plan>("/v1/cluster/plan", wish())));
  };
  const apply = () =>
    attempt(async () => {
      const done = await ask<{ epoch: number }>("/v1/cluster/apply", { plan: plan.value!.plan, ...wish() });
      [applied.value, plan.value] = [done.epoch, undefined];
      void lookNow();
    });

  return (
    <Card id="change" title={t("changeTitle")}>
      <form class="form-grid" onSubmit={look} onInput={() => plan.value && (plan.value = undefined)}>
        <label class="field">
          <span>{t("whatChange")}</span>
          <select id="change-kind" value={kind.value} onChange={(event) => { kind.value = event.currentTarget.value as Kind; forget(); }}>
            {KINDS.map((one) => <option key={one} value={one}>{t(`change_${one}` as Key)}</option>)}
          </select>
        </label>
        {kind.value === "bucket" ? (
          <>
            <label class="field"><span>{t("bucket")}</span>
              <select value={bucket.value} onChange={(event) => (bucket.value = event.currentTarget.value)}>{now.buckets.map((one) => <option key={one.id}>{one.name}</option>)}</select>
            </label>
            <label class="field"><span>{t("copies")}</span><input type="number" min={1} max={16} value={copies.value} onInput={(event) => (copies.value = event.currentTarget.valueAsNumber)} /></label>
          </>
        ) : (
          <label class="field"><span>{t("node")}</span>
            <select value={node.value} onChange={(event) => { node.value = event.currentTarget.value; forget(); }}>{now.members.map((one) => <option key={one.nodeId}>{one.name}</option>)}</select>
          </label>
        )}
        {kind.value === "reweigh" && <label class="field"><span>{t("weight")}</span><input type="number" min={1} max={10_000} value={weight.value} onInput={(event) => (weight.value = event.currentTarget.valueAsNumber)} /></label>}
        <button type="submit" disabled={busy.value}>{t("seePlan")}</button>
      </form>
      <p class="soft note-line">{t(`changeNote_${kind.value}` as Key)}</p>
      <CommandLine line={`alianza cluster plan ${flags()}`} />
      <Trouble problem={problem.value} />
      {plan.value && <Shown plan={plan.value} kind={kind.value} flags={flags()} busy={busy.value} onApply={apply} onForget={forget} />}
      {applied.value !== undefined && <p class="done-line" role="status"><Icon name="good" /> {t("applied", { epoch: String(applied.value) })}</p>}
    </Card>
  );
}

function Shown({ plan, kind, flags, busy, onApply, onForget }: { plan: Plan; kind: Kind; flags: string; busy: boolean; onApply: () => void; onForget: () => void }) {
  const risks = ([["lost", plan.lost, "bad"], ["atRisk", plan.atRisk, "bad"], ["single", plan.single, "warn"], ["tooFewCopies", plan.tooFewCopies, "warn"]] as const).filter(([, count]) => count > 0);
  const most = Math.max(1, ...plan.gains.map((gain) => gain.copies));
  return (
    <div class="plan" aria-live="polite">
      <h3>{t("planTitle")}</h3>
      <p class="big-line">{plan.partitions === 0 ? t("planNothing") : t("planMoves", { n: plan.partitions, size: bytes(plan.bytes), span: span(plan.seconds) })}</p>
      <ul class="risks">
        {risks.length === 0 ? <li class="good-text"><Icon name="good" /> {t("planSafe")}</li> : risks.map(([name, count, tone]) => <li key={name} class={`${tone}-text`}><Icon name={tone} /> {t(`risk_${name}`, { n: count })}</li>)}
      </ul>
      {plan.gains.length > 0 && (
        <table class="plain">
          <thead><tr><th scope="col">{t("gains")}</th><th scope="col" class="number">{t("partitionsWord")}</th><th scope="col"><span class="hidden">{t("partitionsWord")}</span></th></tr></thead>
          <tbody>{plan.gains.map((gain) => <tr key={gain.nodeId}><td><NodeName nodeId={gain.nodeId} name={gain.name} /></td><td class="number">{number(gain.copies)}</td><td class="meter"><span class="meter-bar" style={{ width: `${(100 * gain.copies) / most}%` }} /></td></tr>)}</tbody>
        </table>
      )}
      {kind === "replace" ? (
        <p class="soft">{t("replaceOnly")}</p>
      ) : (
        <>
          <div class="actions">
            <button type="button" class={kind === "remove" || risks.some(([, , tone]) => tone === "bad") ? "danger" : ""} disabled={busy} onClick={onApply}>{t("apply")}</button>
            <button type="button" class="quiet" onClick={onForget}>{t("forget")}</button>
            <Badge tone="plain">{t("epochIs", { epoch: String(plan.epoch) })}</Badge>
          </div>
          <CommandLine line={`alianza cluster apply ${quoted(plan.plan)} ${flags}`} />
        </>
      )}
    </div>
  );
}
