// The data: buckets, the items in them page by page, and the item that was chosen.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../../i18n";
import { asProblem, operate } from "../../node/ask";
import type { Problem } from "../../node/ask";
import { cluster, silentSince } from "../../node/live";
import type { Bucket, Found } from "../../node/types";
import { Card, CommandLine, Empty, Loading, NodeName, Trouble } from "../../parts/bits";
import { Icon } from "../../parts/icons";
import { go, href, route } from "../../router";
import { ringNow } from "../ring_now";
import { BucketForm, BucketFacts } from "./bucket";
import { Item } from "./item";
import type { ItemName } from "./key";
import { fromQuery, nameIn, partitionOfItem, query, quoted, same, show } from "./key";

/** Items of one page of the list. */
const PAGE = 50;

export function Data() {
  const now = cluster.value;
  const list = useSignal(0);
  if (!now) return silentSince.value === undefined ? <Loading /> : <Empty icon="bad" title={t("silentNow")} />;
  const wanted = route.value.query.get("bucket") ?? "default";
  const bucket = now.buckets.find((one) => one.name === wanted) ?? now.buckets[0]!;
  const chosen = fromQuery(route.value.query);
  return (
    <>
      <h1 tabIndex={-1}>{t("page_data")}</h1>
      <div class={chosen ? "columns data-columns chosen" : "columns data-columns"}>
        <div class="stack list-side">
          <Buckets buckets={now.buckets} bucket={bucket} />
          <Items bucket={bucket} chosen={chosen} again={list.value} />
        </div>
        <div class="stack">
          {chosen ? (
            <>
              <a class="back" href={href("data", { bucket: bucket.name })}>← {t("backToList")}</a>
              <Item key={JSON.stringify([bucket.name, chosen])} bucket={bucket} name={chosen} onChanged={() => list.value++} />
            </>
          ) : (
            <Card id="nothing-chosen"><Empty icon="data" title={t("chooseItem")}>{t("chooseItemText")}</Empty></Card>
          )}
        </div>
      </div>
    </>
  );
}

function Buckets({ buckets, bucket }: { buckets: Bucket[]; bucket: Bucket }) {
  const form = useSignal<"none" | "new" | "change">("none");
  return (
    <Card id="buckets" title={t("bucket")} aside={<button type="button" class="quiet small-button" aria-expanded={form.value === "new"} onClick={() => (form.value = form.value === "new" ? "none" : "new")}><Icon name="plus" /> {t("newBucket")}</button>}>
      <div class="segments wrap" role="group" aria-label={t("bucket")}>
        {buckets.map((one) => <button key={one.id} type="button" aria-pressed={one.id === bucket.id} onClick={() => go("data", { bucket: one.name })}>{one.name}</button>)}
      </div>
      {form.value === "none" && <BucketFacts bucket={bucket} onChange={() => (form.value = "change")} />}
      {form.value !== "none" && <BucketForm key={form.value + bucket.id} bucket={form.value === "change" ? bucket : undefined} onDone={() => (form.value = "none")} />}
    </Card>
  );
}

function Items({ bucket, chosen, again }: { bucket: Bucket; chosen: ItemName | undefined; again: number }) {
  const items = useSignal<Found[]>([]);
  const cursor = useSignal<string | undefined>(undefined);
  const state = useSignal<"idle" | "loading" | "done">("idle");
  const problem = useSignal<Problem | undefined>(undefined);
  const [key, sort] = [useSignal(""), useSignal("")];
  const turn = useRef(0);

  const load = async (fresh: boolean) => {
    const mine = ++turn.current;
    state.value = "loading";
    try {
      const of = key.value !== "" ? { key: key.value, ...(sort.value !== "" && { from: sort.value }) } : {};
      const wanted = { type: "SCAN", bucket: bucket.name, limit: PAGE, ...of };
      const [found, next] = await page(wanted, fresh ? undefined : cursor.value, () => mine === turn.current);
      if (mine !== turn.current) return;
      items.value = fresh ? found : [...items.value, ...found];
      cursor.value = next;
      problem.value = undefined;
    } catch (error) {
      if (mine === turn.current) problem.value = asProblem(error);
    } finally {
      if (mine === turn.current) state.value = "done";
    }
  };
  useEffect(() => {
    items.value = [];
    void load(true);
  }, [bucket.name, again]);

  const open = (event: Event) => {
    event.preventDefault();
    if (key.value !== "") go("data", query(bucket.name, { key: key.value, ...(sort.value !== "" && { sort: sort.value }) }));
  };
  return (
    <Card id="items" title={t("items")} aside={<button type="button" class="quiet small-button" onClick={() => void load(true)}>{t("reload")}</button>}>
      <form class="form-row" onSubmit={open}>
        <label class="field grow"><span>{t("key")}</span><input id="open-key" value={key.value} spellcheck={false} autocomplete="off" onInput={(event) => (key.value = event.currentTarget.value)} /></label>
        <label class="field grow"><span>{t("sortKey")} <span class="soft">{t("optional")}</span></span><input value={sort.value} spellcheck={false} autocomplete="off" onInput={(event) => (sort.value = event.currentTarget.value)} /></label>
        <button type="submit" disabled={key.value === ""}>{t("openOrCreate")}</button>
      </form>
      {key.value !== "" && <button type="button" class="quiet small-button" onClick={() => void load(true)}>{t("listKey", { key: key.value })}</button>}
      <Trouble problem={problem.value} />
      {items.value.length === 0 && state.value === "done" && !problem.value ? (
        <Empty icon="data" title={t("noItems")}><CommandLine line={`alianza put key_1 one${bucket.name === "default" ? "" : ` --bucket ${quoted(bucket.name)}`}`} /></Empty>
      ) : (
        <ul class="items" aria-label={t("items")} aria-busy={state.value === "loading"}>
          {items.value.map((item) => <Line key={JSON.stringify(nameIn(item))} item={item} bucket={bucket.name} chosen={same(chosen, nameIn(item))} />)}
        </ul>
      )}
      {state.value === "loading" && <Loading />}
      {cursor.value !== undefined && <button type="button" class="quiet" disabled={state.value === "loading"} onClick={() => void load(false)}>{t("more")}</button>}
      <CommandLine line={`alianza scan${key.value ? ` ${quoted(key.value)}` : ""}${bucket.name === "default" ? "" : ` --bucket ${quoted(bucket.name)}`}`} />
    </Card>
  );
}

/** Pages of a whole bucket may come short or empty; asks on until there is something or the end. */
async function page(wanted: Record<string, unknown>, from: string | undefined, going: () => boolean): Promise<[Found[], string | undefined]> {
  let found: Found[] = [];
  let cursor = from;
  do {
    const answer = await operate<{ items: Found[]; cursor?: string }>({ ...wanted, limit: PAGE - found.length, ...(cursor !== undefined && { cursor }) });
    found = [...found, ...answer.items];
    cursor = answer.cursor;
  } while (cursor !== undefined && found.length < PAGE && going());
  return [found, cursor];
}

function Line({ item, bucket, chosen }: { item: Found; bucket: string; chosen: boolean }) {
  const shape = ringNow.value;
  const owner = shape?.ring.owner(partitionOfItem(item, shape.ring.partitions));
  const member = owner === undefined ? undefined : shape!.ring.members[owner];
  const siblings = item.values?.length ?? 1;
  const value = item.value ?? item.value_base64 ?? item.values?.[0]?.value ?? "";
  return (
    <li>
      <a href={href("data", query(bucket, nameIn(item)))} aria-current={chosen ? "true" : undefined}>
        <span class="item-key">{show(item.key, item.key_base64)}{(item.sort ?? item.sort_base64) !== undefined && <span class="item-sort"> / {show(item.sort, item.sort_base64)}</span>}</span>
        <span class="item-value">{siblings > 1 ? t("siblingsCount", { n: siblings }) : value.slice(0, 120)}</span>
        {member && <span class="item-owner"><NodeName nodeId={member.nodeId} name={member.name} condition={shape!.conditions.get(member.nodeId)} /></span>}
      </a>
    </li>
  );
}
