// A bucket's settings, and the form that makes or changes one.

import { useSignal } from "@preact/signals";
import { t } from "../../i18n";
import { asProblem, ask } from "../../node/ask";
import type { Problem } from "../../node/ask";
import { lookNow } from "../../node/live";
import type { Bucket } from "../../node/types";
import { CommandLine, Trouble } from "../../parts/bits";
import { go } from "../../router";
import { quoted } from "./key";

const LEVELS = ["any", "one", "quorum", "all"];

export function BucketFacts({ bucket, onChange }: { bucket: Bucket; onChange: () => void }) {
  return (
    <>
      <dl class="facts">
        <div><dt>{t("copies")}</dt><dd>{bucket.n}</dd></div>
        <div><dt>{t("reads")}</dt><dd>{bucket.r}</dd></div>
        <div><dt>{t("writes")}</dt><dd>{bucket.w}</dd></div>
        <div><dt>{t("mode")}</dt><dd>{t(`mode_${bucket.mode}`)}</dd></div>
        {bucket.mode === "eventual" && <div><dt>{t("rule")}</dt><dd>{t(`rule_${bucket.rule}`)}</dd></div>}
        <div><dt>{t("ttl")}</dt><dd>{bucket.ttl ?? t("forever")}</dd></div>
      </dl>
      <button type="button" class="quiet small-button" onClick={onChange}>{t("changeSettings")}</button>
    </>
  );
}

export function BucketForm({ bucket, onDone }: { bucket: Bucket | undefined; onDone: () => void }) {
  const name = useSignal("");
  const n = useSignal(bucket?.n ?? 3);
  const [r, w] = [useSignal(bucket?.r ?? "quorum"), useSignal(bucket?.w ?? "quorum")];
  const mode = useSignal<Bucket["mode"]>("eventual");
  const rule = useSignal<Bucket["rule"]>("siblings");
  const ttl = useSignal(bucket?.ttl ?? "");
  const problem = useSignal<Problem | undefined>(undefined);
  const busy = useSignal(false);
  const linear = (bucket?.mode ?? mode.value) === "linearizable";
  const to = bucket?.name ?? name.value;

  const settings = () => {
    const given: Record<string, unknown> = {};
    if (!bucket || n.value !== bucket.n) given.n = n.value;
    if (!linear && (!bucket || r.value !== bucket.r)) given.r = r.value;
    if (!linear && (!bucket || w.value !== bucket.w)) given.w = w.value;
    if (!linear && (ttl.value || null) !== (bucket?.ttl ?? null)) given.ttl = ttl.value || null;
    return bucket ? given : { ...given, mode: mode.value, ...(!linear && { rule: rule.value }) };
  };
  const save = async (event: Event) => {
    event.preventDefault();
    busy.value = true;
    try {
      await ask(`/v1/buckets/${encodeURIComponent(to)}`, settings(), "PUT");
      await lookNow();
      onDone();
      if (!bucket) go("data", { bucket: to });
    } catch (error) {
      problem.value = asProblem(error);
    } finally {
      busy.value = false;
    }
  };
  const flags = Object.entries(settings()).map(([flag, value]) => ` --${flag} ${value === null ? "none" : quoted(String(value))}`).join("");
  const level = (label: string, of: typeof r) => (
    <label class="field"><span>{label}</span>
      <select value={of.value} onChange={(event) => (of.value = event.currentTarget.value)}>{[...new Set([...LEVELS, of.value])].map((one) => <option key={one}>{one}</option>)}</select>
    </label>
  );
  return (
    <form class="bucket-form" onSubmit={save}>
      <div class="form-grid">
        {!bucket && <label class="field"><span>{t("name")}</span><input id="bucket-name" required pattern="[a-z0-9_.\-]{1,64}" value={name.value} spellcheck={false} autocomplete="off" onInput={(event) => (name.value = event.currentTarget.value)} /></label>}
        <label class="field"><span>{t("copies")}</span><input type="number" min={1} max={16} value={n.value} onInput={(event) => (n.value = event.currentTarget.valueAsNumber)} /></label>
        {!bucket && <label class="field"><span>{t("mode")}</span>
          <select value={mode.value} onChange={(event) => (mode.value = event.currentTarget.value as Bucket["mode"])}><option value="eventual">{t("mode_eventual")}</option><option value="linearizable">{t("mode_linearizable")}</option></select>
        </label>}
        {!bucket && !linear && <label class="field"><span>{t("rule")}</span>
          <select id="bucket-rule" value={rule.value} onChange={(event) => (rule.value = event.currentTarget.value as Bucket["rule"])}><option value="siblings">{t("rule_siblings")}</option><option value="lww">{t("rule_lww")}</option></select>
        </label>}
        {!linear && level(t("reads"), r)}
        {!linear && level(t("writes"), w)}
        {!linear && <label class="field"><span>{t("ttl")}</span><input value={ttl.value} placeholder={t("ttlPlaceholder")} onInput={(event) => (ttl.value = event.currentTarget.value)} /></label>}
      </div>
      <div class="actions">
        <button type="submit" disabled={busy.value}>{bucket ? t("save") : t("makeBucket")}</button>
        <button type="button" class="quiet" onClick={onDone}>{t("cancel")}</button>
      </div>
      {to && <CommandLine line={`alianza bucket set ${quoted(to)}${flags}`} />}
      <Trouble problem={problem.value} />
    </form>
  );
}
