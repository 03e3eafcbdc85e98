// One item: its value or its siblings side by side, editing, resolving, deleting, and what each replica holds of it.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { number, t } from "../../i18n";
import { asProblem, ask, operate } from "../../node/ask";
import type { Problem } from "../../node/ask";
import type { Bucket, Explained, Found } from "../../node/types";
import { Card, CommandLine, Loading, Trouble } from "../../parts/bits";
import { Icon } from "../../parts/icons";
import { href } from "../../router";
import { Explanation } from "./explanation";
import type { ItemName } from "./key";
import { isElement, quoted, show, tokenOfItem } from "./key";
import type { Value } from "./value";
import { ValueView } from "./value";

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
  const draft = useSignal<string | undefined>(undefined);
  const linear = bucket.mode === "linearizable";

  const read = async () => {
    try {
      known.value = await get(bucket, name);
      problem.value = undefined;
    } catch (error) {
      problem.value = asProblem(error);
    }
    explained.value = linear ? undefined : await ask<Explained>("/v1/explain", { bucket: bucket.name, ...name }).catch(() => undefined);
  };
  useEffect(() => void read(), []);

  const write = async (fields: Record<string, unknown>, done: string) => {
    const guard = { ...(known.value?.context !== undefined && { context: known.value.context }), ...(linear && { ifVersion: known.value?.version ?? 0 }) };
    try {
      await operate({ ...fields, bucket: bucket.name, ...name, ...guard });
      [problem.value, said.value, draft.value] = [undefined, done, undefined];
      await read();
      onChanged();
    } catch (error) {
      problem.value = asProblem(error);
    }
  };
  const flags = `${name.sort !== undefined ? ` --sort ${quoted(name.sort)}` : ""}${bucket.name === "default" ? "" : ` --bucket ${bucket.name}`}`;
  const title = <><span class="item-title">{show(name.key, name.key_base64)}</span>{(name.sort ?? name.sort_base64) !== undefined && <span class="item-sort"> / {show(name.sort, name.sort_base64)}</span>}</>;
  return (
    <>
      <Card id="item" title={title} aside={<button type="button" class="quiet small-button" onClick={() => void read()}>{t("readAgain")}</button>}>
        <p class="soft token-line">{t("token")} <code class="break">{tokenOfItem(name)}</code>{name.key !== undefined && <> · <a href={href("ring", { key: name.key })}>{t("showOnRing")}</a></>}</p>
        <Trouble problem={problem.value} />
        <p class="done-line" role="status">{said.value && <><Icon name="good" /> {said.value}</>}</p>
        {known.value ? <Values known={known.value} bucket={bucket} readOnly={isElement(name)} draft={draft.value} onEdit={(text) => (draft.value = text)} onWrite={write} /> : !problem.value && <Loading />}
        {name.key !== undefined && <CommandLine line={`alianza get ${quoted(name.key)}${flags}`} />}
      </Card>
      {explained.value && <Explanation of={explained.value} line={name.key === undefined ? undefined : `alianza explain ${quoted(name.key)}${flags}`} />}
      {linear && <p class="soft">{t("linearNotExplained")}</p>}
    </>
  );
}

async function get(bucket: Bucket, name: ItemName): Promise<Known> {
  try {
    const found = await operate<Found>({ type: "GET", bucket: bucket.name, ...name });
    const values = found.values ?? [{ value: found.value, value_base64: found.value_base64 }];
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
  draft: string | undefined;
  onEdit: (text: string | undefined) => void;
  onWrite: (fields: Record<string, unknown>, done: string) => Promise<void>;
}

function Values({ known, bucket, readOnly, draft, onEdit, onWrite }: ValuesProps) {
  const { values } = known;
  const only = values.length === 1 ? values[0]! : undefined;
  const countable = only?.value !== undefined && /^-?\d{1,18}$/.test(only.value) && bucket.rule === "lww";
  const keep = (value: Value) => onWrite({ type: "PUT", ...(value.value_base64 !== undefined ? { value_base64: value.value_base64 } : { value: value.value }) }, t("resolved"));
  const merged = values.map((value) => value.value ?? "").join("\n");
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
                {value.value !== undefined && <button type="button" class="quiet" onClick={() => onEdit(value.value)}>{t("edit")}</button>}
              </div>
            )}
          </div>
        ))}
      </div>
      {known.version !== undefined && <p class="soft">{t("versionIs", { version: number(known.version) })}</p>}
      {readOnly ? <p class="soft">{t("elementReadOnly")}</p> : draft === undefined ? (
        <div class="actions">
          {values.length > 1 ? <button type="button" class="quiet" onClick={() => onEdit(merged)}>{t("mergeByHand")}</button> : (
            <button type="button" onClick={() => onEdit(only?.value ?? "")}>{only ? t("edit") : t("create")}</button>
          )}
          {countable && [-1, 1].map((by) => <button key={by} type="button" class="quiet" onClick={() => void onWrite({ type: "ADD", by }, t("added"))}>{by > 0 ? "+1" : "−1"}</button>)}
          {values.length > 0 && <Delete onDelete={() => onWrite({ type: "DELETE" }, t("deleted"))} />}
        </div>
      ) : (
        <Editor text={draft} bytes={only?.value_base64} linear={bucket.mode === "linearizable"} onCancel={() => onEdit(undefined)} onSave={(fields) => onWrite({ type: "PUT", ...fields }, t("saved"))} />
      )}
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
  text: string;
  bytes: string | undefined;
  linear: boolean;
  onSave: (fields: Record<string, unknown>) => Promise<void>;
  onCancel: () => void;
}

function Editor({ text, bytes, linear, onSave, onCancel }: EditorProps) {
  const value = useSignal(bytes ?? text);
  const binary = useSignal(bytes !== undefined);
  const ttl = useSignal("");
  const busy = useSignal(false);
  const save = async (event: Event) => {
    event.preventDefault();
    busy.value = true;
    await onSave({ [binary.value ? "value_base64" : "value"]: value.value, ...(ttl.value && { ttl: ttl.value }) });
    busy.value = false;
  };
  return (
    <form class="editor" onSubmit={save}>
      <label class="field"><span>{t("newValue")}</span><textarea id="edit-value" rows={6} spellcheck={false} value={value.value} onInput={(event) => (value.value = event.currentTarget.value)} /></label>
      <div class="form-row">
        {!linear && <label class="field"><span>{t("ttl")} <span class="soft">{t("optional")}</span></span><input id="edit-ttl" value={ttl.value} placeholder="30s, 7d" onInput={(event) => (ttl.value = event.currentTarget.value)} /></label>}
        <label class="check"><input type="checkbox" checked={binary.value} onChange={(event) => (binary.value = event.currentTarget.checked)} /> {t("isBase64")}</label>
      </div>
      <div class="actions">
        <button type="submit" disabled={busy.value}>{t("save")}</button>
        <button type="button" class="quiet" onClick={onCancel}>{t("cancel")}</button>
      </div>
    </form>
  );
}
