// One item: its value or its siblings side by side, editing, resolving, deleting, and what each replica holds of it.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { moment, number, t } from "../../i18n";
import { Problem, asProblem, ask, nodeNow, operate } from "../../node/ask";
import type { Bucket, Explained, Found } from "../../node/types";
import { Card, CommandLine, Loading, Trouble } from "../../parts/bits";
import { Icon } from "../../parts/icons";
import { href } from "../../router";
import type { Value } from "./draft";
import { fromField, merged, sameValues, toField } from "./draft";
import { Explanation } from "./explanation";
import type { ItemName } from "./key";
import { isElement, quoted, show, tokenOfItem } from "./key";
import { ValueView } from "./value";

/** A value to write: `expires` is when it ends; without it, `ttl` is how long it lives, if not as the bucket says. */
type Wanted = Value & { ttl?: string };

/** What is known of the item: its live values, none if there is no such item. */
interface Known {
  values: Value[];
  context: string | undefined;
  version: number | undefined;
}

export function Item({ bucket, name, onChanged }: { bucket: Bucket; name: ItemName; onChanged: () => void }) {
  const known = useSignal<Known | undefined>(undefined);
  const explained = useSignal<Explained | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  const said = useSignal("");
  const draft = useSignal<Value | undefined>(undefined);
  const linear = bucket.mode === "linearizable";

  const read = async () => {
    try {
      known.value = await get(bucket, name);
      problem.value = undefined;
    } catch (error) {
      problem.value = asProblem(error);
    }
    explained.value = await ask<Explained>("/v1/explain", { bucket: bucket.name, ...name }).catch(() => undefined);
  };
  useEffect(() => void read(), []);

  // Nodes compare in linearizable buckets only. In others this page compares, just before it writes.
  const unchanged = async () => {
    const before = known.value!;
    const now = await get(bucket, name);
    if (sameValues(before.values, now.values)) return;
    known.value = now;
    throw new Problem(t("changedMeanwhile"), 0, "console", {});
  };
  const write = async (fields: Record<string, unknown>, done: string) => {
    const guard = () => ({ ...(known.value?.context !== undefined && { context: known.value.context }), ...(linear && { ifVersion: known.value?.version ?? 0 }) });
    try {
      if (!linear && fields.type !== "ADD") await unchanged();
      await operate({ ...fields, ...lifetime(fields.expires), bucket: bucket.name, ...name, ...guard() });
      [problem.value, said.value, draft.value] = [undefined, done, undefined];
      await read();
      onChanged();
    } catch (error) {
      problem.value = asProblem(error);
    }
  };
  const flags = `${name.sort !== undefined ? ` --sort ${quoted(name.sort)}` : ""}${bucket.name === "default" ? "" : ` --bucket ${quoted(bucket.name)}`}`;
  const title = <><span class="item-title">{show(name.key, name.key_base64)}</span>{(name.sort ?? name.sort_base64) !== undefined && <span class="item-sort"> / {show(name.sort, name.sort_base64)}</span>}</>;
  return (
    <>
      <Card id="item" title={title} aside={<button type="button" class="quiet small-button" onClick={() => void read()}>{t("readAgain")}</button>}>
        <p class="soft token-line">{t("token")} <code class="break">{tokenOfItem(name)}</code>{name.key !== undefined && <> · <a href={href("ring", { key: name.key })}>{t("showOnRing")}</a></>}</p>
        <Trouble problem={problem.value} />
        <p class="done-line" role="status">{said.value && <><Icon name="good" /> {said.value}</>}</p>
        {known.value ? <Values known={known.value} bucket={bucket} readOnly={isElement(name)} draft={draft.value} onEdit={(value) => (draft.value = value)} onWrite={write} /> : !problem.value && <Loading />}
        {name.key !== undefined && <CommandLine line={`alianza get ${quoted(name.key)}${flags}`} />}
      </Card>
      {explained.value && <Explanation of={explained.value} line={name.key === undefined ? undefined : `alianza explain ${quoted(name.key)}${flags}`} />}
    </>
  );
}

/** How long a value lives that is to end at a moment. The field `expires` itself is not one of a write. */
function lifetime(expires: unknown): Record<string, unknown> {
  if (typeof expires !== "number") return { expires: undefined };
  const left = Math.round(expires - nodeNow());
  if (left <= 0) throw new Problem(t("endedMeanwhile"), 0, "console", {});
  return { ttl: `${left}ms`, expires: undefined };
}

async function get(bucket: Bucket, name: ItemName): Promise<Known> {
  try {
    const found = await operate<Found>({ type: "GET", bucket: bucket.name, ...name });
    const values = found.values ?? [{ value: found.value, value_base64: found.value_base64, contentType: found.contentType, expires: found.expires }];
    return { values, context: found.context, version: found.version };
  } catch (error) {
    const problem = asProblem(error);
    if (problem.kind !== "not-found") throw problem;
    const context = problem.body.context;
    return { values: [], context: typeof context === "string" ? context : undefined, version: undefined };
  }
}

interface ValuesProps {
  known: Known;
  bucket: Bucket;
  readOnly: boolean;
  draft: Value | undefined;
  onEdit: (value: Value | undefined) => void;
  onWrite: (fields: Record<string, unknown>, done: string) => Promise<void>;
}

function Values({ known, bucket, readOnly, draft, onEdit, onWrite }: ValuesProps) {
  const { values } = known;
  const only = values.length === 1 ? values[0]! : undefined;
  const countable = only?.value !== undefined && /^-?\d{1,18}$/.test(only.value) && bucket.rule === "lww";
  const keep = (value: Value) => onWrite({ type: "PUT", ...value }, t("resolved"));
  const together = values.length > 1 ? merged(values) : undefined;
  const lww = bucket.mode === "eventual" && bucket.rule === "lww";
  return (
    <>
      {values.length === 0 && <p class="big-line">{t("noSuchItem")}</p>}
      {values.length > 1 && <p class="warn-line"><Icon name="warn" /> {t("siblingsText", { n: values.length })}</p>}
      <div class={values.length > 1 ? "siblings" : ""}>
        {values.map((value, at) => (
          <div key={at} class={values.length > 1 ? "sibling" : ""}>
            {values.length > 1 && <h3>{t("siblingTitle", { i: at + 1 })}</h3>}
            <ValueView value={value} label={values.length > 1 ? t("siblingTitle", { i: at + 1 }) : t("value")} />
            {values.length > 1 && !readOnly && (
              <div class="actions">
                <button type="button" onClick={() => void keep(value)}>{t("keepThis")}</button>
                {draft === undefined && <button type="button" class="quiet" onClick={() => onEdit(value)}>{t("edit")}</button>}
              </div>
            )}
          </div>
        ))}
      </div>
      {known.version !== undefined && <p class="soft">{t("versionIs", { version: number(known.version) })}</p>}
      {readOnly ? <p class="soft">{t("elementReadOnly")}</p> : draft === undefined ? (
        <div class="actions">
          {together && <button type="button" class="quiet" onClick={() => onEdit(together)}>{t("mergeByHand")}</button>}
          {values.length > 1 && !together && <span class="soft">{t("mergeNotText")}</span>}
          {values.length <= 1 && <button type="button" onClick={() => onEdit(only ?? { value: "" })}>{only ? t("edit") : t("create")}</button>}
          {countable && [-1, 1].map((by) => <button key={by} type="button" class="quiet" onClick={() => void onWrite({ type: "ADD", by }, t("added"))}>{by > 0 ? "+1" : "−1"}</button>)}
          {values.length > 0 && <Delete onDelete={() => onWrite({ type: "DELETE" }, t("deleted"))} />}
        </div>
      ) : (
        <Editor from={draft} linear={bucket.mode === "linearizable"} onCancel={() => onEdit(undefined)} onSave={(value) => onWrite({ type: "PUT", ...value }, t("saved"))} />
      )}
      {lww && !readOnly && <p class="soft note-line">{t("lastWins")}</p>}
    </>
  );
}

function Delete({ onDelete }: { onDelete: () => Promise<void> }) {
  const sure = useSignal(false);
  if (!sure.value) return <button type="button" class="danger quiet" onClick={() => (sure.value = true)}><Icon name="trash" /> {t("delete")}</button>;
  return (
    <span class="sure" role="group" aria-label={t("sureDelete")}>
      {t("sureDelete")} <button type="button" class="danger" onClick={() => { sure.value = false; void onDelete(); }}>{t("yesDelete")}</button> <button type="button" class="quiet" onClick={() => (sure.value = false)}>{t("cancel")}</button>
    </span>
  );
}

interface EditorProps {
  from: Value;
  linear: boolean;
  onSave: (value: Wanted) => Promise<void>;
  onCancel: () => void;
}

function Editor({ from, linear, onSave, onCancel }: EditorProps) {
  const first = toField(from);
  const text = useSignal(first.text);
  const base64 = useSignal(first.base64);
  const kind = useSignal(from.contentType ?? "");
  const keepEnd = useSignal(from.expires !== undefined);
  const ttl = useSignal("");
  const busy = useSignal(false);
  const wanted = (): Wanted => ({
    ...fromField({ text: text.value, base64: base64.value, crlf: first.crlf }),
    ...(kind.value && { contentType: kind.value }),
    ...(keepEnd.value ? { expires: from.expires! } : ttl.value && { ttl: ttl.value }),
  });
  const save = async (event: Event) => {
    event.preventDefault();
    busy.value = true;
    await onSave(wanted());
    busy.value = false;
  };
  return (
    <form class="editor" onSubmit={save}>
      <label class="field"><span>{t("newValue")}</span><textarea id="edit-value" rows={6} spellcheck={false} value={text.value} onInput={(event) => (text.value = event.currentTarget.value)} /></label>
      {first.crlf && !base64.value && <p class="soft note-line">{t("keepsCrLf")}</p>}
      {first.base64 && from.value !== undefined && <p class="soft note-line">{t("mixedLineEnds")}</p>}
      <div class="form-row">
        <label class="field"><span>{t("mediaType")} <span class="soft">{t("optional")}</span></span><input id="edit-type" value={kind.value} placeholder="text/plain" spellcheck={false} autocomplete="off" onInput={(event) => (kind.value = event.currentTarget.value)} /></label>
        {!linear && !keepEnd.value && <label class="field"><span>{t("ttl")} <span class="soft">{t("optional")}</span></span><input id="edit-ttl" value={ttl.value} placeholder="30s, 7d" onInput={(event) => (ttl.value = event.currentTarget.value)} /></label>}
        {from.expires !== undefined && <label class="check"><input type="checkbox" checked={keepEnd.value} onChange={(event) => (keepEnd.value = event.currentTarget.checked)} /> {t("endsAsBefore", { at: moment(from.expires) })}</label>}
        <label class="check"><input type="checkbox" checked={base64.value} onChange={(event) => (base64.value = event.currentTarget.checked)} /> {t("isBase64")}</label>
      </div>
      <div class="actions">
        <button type="submit" disabled={busy.value}>{t("save")}</button>
        <button type="button" class="quiet" onClick={onCancel}>{t("cancel")}</button>
      </div>
    </form>
  );
}
