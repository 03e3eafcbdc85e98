// The ring: who owns what, who holds the copies of a partition, what is in motion, where a key lives, and how it came
// to be so.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { dateTime, number, percent, t } from "../i18n";
import { history, isAway, silentSince } from "../node/live";
import { Badge, Card, Empty, Loading, NodeName } from "../parts/bits";
import { RingPicture } from "../parts/ring_picture";
import { mark } from "../ring/colours";
import { partitionOf, ringAt, tellsTokens } from "../ring/ring";
import { tokenOf } from "../ring/sha1";
import { href, route } from "../router";
import { sayEvent } from "./event_words";
import type { RingNow } from "./ring_now";
import { ringNow } from "./ring_now";

export function RingPage() {
  const now = ringNow.value;
  const key = useSignal(route.value.query.get("key") ?? "");
  const pointed = useSignal<number | undefined>(undefined);
  const picked = useSignal<number | undefined>(undefined);
  const lit = useSignal<string | undefined>(undefined);
  const back = useSignal<number | undefined>(undefined);
  const events = history.value;
  const epoch = back.value ?? now?.epoch ?? 0;
  const shown = useMemo(() => (now && epoch !== now.epoch ? asOf(now, epoch) : now), [now, epoch, events]);
  const located = key.value === "" || !now ? undefined : locate(key.value, now.ring.partitions);
  const partition = pointed.value ?? picked.value ?? located?.partition;
  const standing = !shown ? [] : lit.value !== undefined ? [lit.value] : partition === undefined ? [] : shown.ring.replicas(partition, shown.n).map((place) => shown.ring.members[place]!.nodeId);
  useEffect(() => {
    mark(standing);
    return () => mark([]);
  }, [standing.join()]);
  if (!now || !shown) return silentSince.value === undefined ? <Loading /> : <Empty icon="bad" title={t("silentNow")} />;
  const past = epoch !== now.epoch;
  return (
    <>
      <h1 tabIndex={-1}>{t("page_ring")}</h1>
      <div class="columns ring-columns">
        <Card id="picture" class="picture">
          <div class="ring-box">
            <RingPicture ring={shown.ring} n={now.n} conditions={past ? new Map() : now.conditions} lit={lit.value} partition={partition} moving={shown.moving} onPartition={(at) => (pointed.value = at)} onPick={(at) => { picked.value = at; key.value = ""; }} />
            <Middle shown={shown} lit={lit.value} />
          </div>
          <p class="soft ring-legend">
            {shown.moving.length > 0 ? <><span class="motion-sample" aria-hidden="true" /> {t("motionLegend")}</> : t("ringHint")}
          </p>
          <Past epoch={epoch} newest={now.epoch} onEpoch={(to) => (back.value = to === now.epoch ? undefined : to)} />
        </Card>
        <div class="stack">
          <Card id="locator" title={t("locator")}>
            <label class="field">
              <span>{t("locatorLabel")}</span>
              <input type="search" id="locator-key" value={key.value} placeholder="key_2" spellcheck={false} autocomplete="off" onInput={(event) => { key.value = event.currentTarget.value; picked.value = undefined; }} />
            </label>
            <Located keyText={key.value} located={located} />
          </Card>
          <Detail shown={shown} partition={partition} />
          <Members shown={shown} lit={lit.value} onLit={(id) => (lit.value = id)} />
        </div>
      </div>
    </>
  );
}

/** The ring of an earlier epoch, and what the event of that epoch set in motion. */
function asOf(now: RingNow, epoch: number): RingNow {
  const ring = ringAt(history.value, epoch, now.ring.partitions) ?? now.ring;
  return { ...now, ring, epoch, shares: ring.shares(1), copies: ring.shares(now.n), moving: [] };
}

function locate(key: string, partitions: number): { token: string; partition: number } {
  const token = tokenOf(key);
  return { token, partition: partitionOf(token, partitions) };
}

function Middle({ shown, lit }: { shown: RingNow; lit: string | undefined }) {
  const place = lit === undefined ? -1 : shown.ring.place(lit);
  const member = shown.ring.members[place];
  if (!member) {
    return (
      <div class="ring-middle" aria-hidden="true">
        <b>{number(shown.ring.members.length)}</b>
        <span>{t("nodesWord", { n: shown.ring.members.length })}</span>
        <span class="soft">{t("partitionsCount", { n: shown.ring.partitions })}</span>
        <span class="soft">{t("copiesCount", { n: shown.n })}</span>
      </div>
    );
  }
  return (
    <div class="ring-middle" aria-hidden="true">
      <b class="ring-name">{member.name}</b>
      <span>{t("ownsShare", { share: percent(shown.shares[place]! / shown.ring.partitions) })}</span>
      <span class="soft">{t("holdsShare", { share: percent(shown.copies[place]! / Math.max(1, sum(shown.copies))) })}</span>
      <span class="soft">{t("tokensCount", { n: member.tokens.length })}</span>
    </div>
  );
}

const byName = new Intl.Collator(undefined, { numeric: true }).compare;
const sum = (values: number[]) => values.reduce((all, value) => all + value, 0);

function Located({ keyText, located }: { keyText: string; located: { token: string; partition: number } | undefined }) {
  const explain = located && <a href={href("data", { key: keyText })}>{t("explainKey")}</a>;
  return (
    <dl class="facts located">
      <div class="wide-fact"><dt>{t("token")}</dt><dd><code class="break">{located?.token ?? "–"}</code></dd></div>
      <div><dt>{t("partition")}</dt><dd>{located ? number(located.partition) : "–"}</dd></div>
      <div><dt><span class="hidden">{t("explain")}</span></dt><dd>{explain ?? <span class="soft">{t("locatorHint")}</span>}</dd></div>
    </dl>
  );
}

function Detail({ shown, partition }: { shown: RingNow; partition: number | undefined }) {
  const replicas = partition === undefined ? [] : shown.ring.replicas(partition, shown.n);
  const comes = partition === undefined ? undefined : shown.moving.find((run) => partition >= run.from && partition < run.from + run.length);
  return (
    <Card id="detail" title={partition === undefined ? t("detailTitle") : t("partitionTitle", { p: partition })} class="detail">
      <div aria-live="polite">
        {partition === undefined ? (
          <p class="soft">{t("detailHint")}</p>
        ) : (
          <>
            <ol class="replicas">
              {replicas.map((place, index) => {
                const member = shown.ring.members[place]!;
                const condition = shown.conditions.get(member.nodeId);
                return (
                  <li key={member.nodeId}>
                    <NodeName nodeId={member.nodeId} name={member.name} condition={condition} />
                    <span class="soft">{index === 0 ? t("ownerRole") : t("copyRole", { i: index + 1 })}</span>
                    {condition && isAway(condition) && <Badge tone="bad">{t("notReached")}</Badge>}
                    {comes?.member === place && <Badge tone="warn">{t("receiving")}</Badge>}
                  </li>
                );
              })}
            </ol>
            <p class="soft">{t("tokensFromTo")} <code>{edge(partition, shown.ring.partitions)}…</code> – <code>{edge(partition + 1, shown.ring.partitions)}…</code></p>
          </>
        )}
      </div>
    </Card>
  );
}

function edge(partition: number, partitions: number): string {
  const head = (partition * (65_536 / partitions)) % 65_536;
  return head.toString(16).padStart(4, "0");
}

function Members({ shown, lit, onLit }: { shown: RingNow; lit: string | undefined; onLit: (id: string | undefined) => void }) {
  const wanted = useSignal("");
  const away = (nodeId: string) => isAway(shown.conditions.get(nodeId) ?? "up");
  // Those that are away come first; the names in an order that people expect.
  const all = shown.ring.members.map((member, place) => ({ member, place })).sort((a, b) => Number(away(b.member.nodeId)) - Number(away(a.member.nodeId)) || byName(a.member.name, b.member.name));
  const found = all.filter(({ member }) => member.name.toLowerCase().includes(wanted.value.toLowerCase()));
  const copies = Math.max(1, sum(shown.copies));
  return (
    <Card id="ring-members" title={t("nodesTitle", { n: all.length })}>
      {all.length > 12 && (
        <label class="field">
          <span>{t("filter")}</span>
          <input type="search" value={wanted.value} onInput={(event) => (wanted.value = event.currentTarget.value)} />
        </label>
      )}
      <div class="scroll" tabIndex={0} role="region" aria-label={t("nodesTitle", { n: all.length })}>
        <table class="plain">
          <thead><tr><th scope="col">{t("name")}</th><th scope="col" class="number">{t("owns")}</th><th scope="col" class="number">{t("holds")}</th><th scope="col" class="number">{t("tokens")}</th></tr></thead>
          <tbody>
            {found.map(({ member, place }) => (
              <tr key={member.nodeId} class={member.nodeId === lit ? "lit" : ""} onPointerEnter={() => onLit(member.nodeId)} onPointerLeave={() => onLit(undefined)}>
                <td>
                  <button type="button" class="bare" aria-pressed={member.nodeId === lit} onFocus={() => onLit(member.nodeId)} onBlur={() => onLit(undefined)} onClick={() => onLit(member.nodeId)}>
                    <NodeName nodeId={member.nodeId} name={member.name} condition={shown.conditions.get(member.nodeId)} />
                  </button>
                </td>
                <td class="number">{percent(shown.shares[place]! / shown.ring.partitions)}</td>
                <td class="number">{percent(shown.copies[place]! / copies)}</td>
                <td class="number">{number(member.tokens.length)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {found.length === 0 && <p class="soft">{t("nobodyFound")}</p>}
      </div>
    </Card>
  );
}

/** Goes back through the history: the ring at each epoch, rebuilt from the events alone. */
function Past({ epoch, newest, onEpoch }: { epoch: number; newest: number; onEpoch: (epoch: number) => void }) {
  const events = history.value;
  const first = events.find((event) => event.type === "ADD")?.epoch ?? 1;
  const event = events.find((one) => one.epoch === epoch);
  if (newest <= first || !tellsTokens(events)) return null;
  return (
    <div class="past">
      <label for="past">{t("past")}</label>
      <input id="past" type="range" min={first} max={newest} value={epoch} aria-valuetext={t("pastValue", { epoch: String(epoch) })} onInput={(input) => onEpoch(Number(input.currentTarget.value))} />
      <p class="past-words" aria-live="polite">
        <b>{t("epochOf", { epoch: String(epoch), newest: String(newest) })}</b>
        {event && <> · {sayEvent(event, events)} · <span class="soft">{dateTime(event.timestamp)}</span></>}
        {epoch !== newest && <button type="button" class="quiet small-button" onClick={() => onEpoch(newest)}>{t("backToNow")}</button>}
      </p>
    </div>
  );
}
