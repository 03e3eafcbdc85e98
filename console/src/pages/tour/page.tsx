// A guided tour for newcomers: what the ring is, ten keys on it, a node that joins and takes some of them, a node that is
// gone and missed by nobody. It writes ten small items, which end by themselves after an hour.

import { useSignal } from "@preact/signals";
import type { Signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { list, number, t } from "../../i18n";
import type { Key } from "../../i18n";
import { asProblem, operate } from "../../node/ask";
import type { Problem } from "../../node/ask";
import { cluster, isAway, silentSince } from "../../node/live";
import { Badge, Card, CommandLine, Empty, Loading, NodeName, Trouble } from "../../parts/bits";
import { Icon } from "../../parts/icons";
import { RingPicture } from "../../parts/ring_picture";
import type { Ring } from "../../ring/ring";
import { gained, partitionOf } from "../../ring/ring";
import { tokenOf } from "../../ring/sha1";
import { href } from "../../router";
import type { RingNow } from "../ring_now";
import { quoted } from "../data/key";
import { ringNow } from "../ring_now";
import { withPretended } from "./pretend";

const STEPS = ["ring", "store", "find", "join", "lose", "end"] as const;
type Step = (typeof STEPS)[number];
const KEYS = Array.from({ length: 10 }, (_, at) => `tour_${at + 1}`);

interface State {
  step: Signal<number>;
  /** Keys that were written, with how many replicas said so. */
  stored: Signal<Map<string, number>>;
  /** The ring before somebody joined. */
  before: Signal<Ring | undefined>;
  pretending: Signal<boolean>;
  /** Which of the two rings is shown. */
  after: Signal<boolean>;
  lit: Signal<string | undefined>;
}

export function Tour() {
  const state: State = { step: useSignal(0), stored: useSignal(new Map()), before: useSignal(undefined), pretending: useSignal(false), after: useSignal(true), lit: useSignal(undefined) };
  const now = ringNow.value;
  const body = useRef<HTMLDivElement>(null);
  const moved = useRef(false);
  useEffect(() => {
    if (moved.current) body.current?.focus({ preventScroll: true });
    moved.current = true;
  }, [state.step.value]);
  if (!now) return silentSince.value === undefined ? <Loading /> : <Empty icon="bad" title={t("silentNow")} />;
  const at = state.step.value;
  const name = STEPS[at]!;
  const shown = rings(now, state);
  const to = (step: number) => {
    state.lit.value = undefined;
    state.step.value = step;
  };
  return (
    <>
      <h1 tabIndex={-1}>{t("page_tour")}</h1>
      <ol class="steps" aria-label={t("steps")}>
        {STEPS.map((one, index) => (
          <li key={one}>
            <button type="button" class={index === at ? "step now" : index < at ? "step done" : "step"} aria-current={index === at ? "step" : undefined} onClick={() => to(index)}>
              <span class="step-number">{index < at ? <Icon name="done" /> : index + 1}</span>
              <span class="step-name">{t(`tour_${one}` as Key)}</span>
            </button>
          </li>
        ))}
      </ol>
      <div class="columns tour-columns">
        <div ref={body} tabIndex={-1} class="tour-body">
          <Card id="tour-step" title={t(`tour_${name}_title` as Key)}>
            <p>{t(`tour_${name}_text` as Key)}</p>
            <Body name={name} now={now} state={state} shown={shown} />
            <div class="actions tour-moves">
              <button type="button" class="quiet" disabled={at === 0} onClick={() => to(at - 1)}>{t("back")}</button>
              <button type="button" disabled={at === STEPS.length - 1} onClick={() => to(at + 1)}>{t("next")}</button>
              <span class="soft">{t("stepOf", { step: at + 1, of: STEPS.length })}</span>
            </div>
          </Card>
        </div>
        <Card id="tour-ring" class="picture">
          <RingPicture ring={shown.ring} n={now.n} conditions={now.conditions} lit={state.lit.value} moving={shown.moving} keys={shown.keys} />
          <ul class="names tour-names">
            {shown.ring.members.slice(0, 12).map((member) => <li key={member.nodeId}><NodeName nodeId={member.nodeId} name={member.name} condition={now.conditions.get(member.nodeId)} /></li>)}
          </ul>
        </Card>
      </div>
    </>
  );
}

interface Shown {
  ring: Ring;
  /** The ring with the newcomer, real or pretended, if there is one. */
  later: Ring | undefined;
  moving: RingNow["moving"];
  keys: { partition: number; label: string; nodeId: string }[];
}

function rings(now: RingNow, state: State): Shown {
  const before = state.before.value;
  const joined = before !== undefined && before !== now.ring && before.members.length < now.ring.members.length;
  const later = joined ? now.ring : state.pretending.value ? withPretended(now.ring, t("newcomer")) : undefined;
  const joining = STEPS[state.step.value] === "join";
  const ring = joining && later ? (state.after.value ? later : (joined ? before : now.ring)) : now.ring;
  const base = joined ? before : now.ring;
  const moving = joining && later && state.after.value ? gained(base, later, now.n) : now.moving;
  const keys = STEPS[state.step.value] === "ring" ? [] : KEYS.filter((key) => state.stored.value.has(key)).map((key) => markOf(key, ring));
  return { ring, later: joining ? later : undefined, moving, keys };
}

function markOf(key: string, ring: Ring) {
  const partition = partitionOf(tokenOf(key), ring.partitions);
  const owner = ring.members[ring.owner(partition) ?? 0];
  return { partition, label: key, nodeId: owner?.nodeId ?? "" };
}

function Body({ name, now, state, shown }: { name: Step; now: RingNow; state: State; shown: Shown }) {
  switch (name) {
    case "ring":
      return <p class="soft">{t("tour_ring_more", { n: now.ring.members.length, partitions: now.ring.partitions })}</p>;
    case "store":
      return <Store state={state} />;
    case "find":
      return <Find now={now} state={state} />;
    case "join":
      return <Joining now={now} state={state} shown={shown} />;
    case "lose":
      return <Lose state={state} />;
    case "end":
      return <End state={state} />;
  }
}

function Store({ state }: { state: State }) {
  const problem = useSignal<Problem | undefined>(undefined);
  const busy = useSignal(false);
  const store = async () => {
    busy.value = true;
    problem.value = undefined;
    try {
      for (const key of KEYS) {
        const { acknowledged } = await operate<{ acknowledged: number }>({ type: "PUT", key, value: `the value of ${key}`, ttl: "1h" });
        state.stored.value = new Map(state.stored.value).set(key, acknowledged);
      }
    } catch (error) {
      problem.value = asProblem(error);
    } finally {
      busy.value = false;
    }
  };
  const said = [...state.stored.value.values()];
  return (
    <>
      <div class="actions"><button type="button" disabled={busy.value} onClick={store}>{t("storeTen")}</button></div>
      <p class="done-line" role="status">{said.length > 0 && <><Icon name="good" /> {t("storedTen", { n: said.length, copies: Math.min(...said) })}</>}</p>
      <Trouble problem={problem.value} />
      <CommandLine line="alianza put tour_1 'the value of tour_1' --ttl 1h" />
    </>
  );
}

function Find({ now, state }: { now: RingNow; state: State }) {
  if (state.stored.value.size === 0) return <p class="warn-line"><Icon name="warn" /> {t("storeFirst")}</p>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("items")}>
      <table class="plain">
        <thead><tr><th scope="col">{t("key")}</th><th scope="col">{t("token")}</th><th scope="col">{t("ownerRole")}</th><th scope="col">{t("copiesElse")}</th></tr></thead>
        <tbody>
          {KEYS.filter((key) => state.stored.value.has(key)).map((key) => {
            const places = now.ring.replicas(partitionOf(tokenOf(key), now.ring.partitions), now.n);
            const [owner, ...others] = places.map((place) => now.ring.members[place]!);
            return (
              <tr key={key} onPointerEnter={() => (state.lit.value = owner?.nodeId)} onPointerLeave={() => (state.lit.value = undefined)}>
                <th scope="row"><a href={href("ring", { key })}>{key}</a></th>
                <td><code>{tokenOf(key).slice(0, 8)}…</code></td>
                <td>{owner && <NodeName nodeId={owner.nodeId} name={owner.name} condition={now.conditions.get(owner.nodeId)} />}</td>
                <td class="soft">{list(others.map((other) => other.name)) || "–"}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Joining({ now, state, shown }: { now: RingNow; state: State; shown: Shown }) {
  useEffect(() => {
    state.before.value ??= now.ring;
  }, []);
  const seed = cluster.value?.members.find((member) => member.seed && !isAway(member.condition))?.uri ?? location.origin;
  const before = state.before.value;
  const real = shown.later !== undefined && !state.pretending.value;
  const base = real && before ? before : now.ring;
  return (
    <>
      <CommandLine line={`alianza start --port 8084 --seeds ${quoted(seed)}`} />
      {!shown.later && (
        <div class="actions">
          <span class="live"><span class="live-dot" aria-hidden="true" />{t("waitingJoin")}</span>
          <button type="button" class="quiet" onClick={() => (state.pretending.value = true)}>{t("pretend")}</button>
        </div>
      )}
      {shown.later && (
        <>
          <p class="done-line" role="status"><Icon name="good" /> {real ? t("joinedReal", { names: list(newcomers(base, shown.later)) }) : t("joinedPretended")}</p>
          <div class="actions">
            <div class="segments" role="group" aria-label={t("showRing")}>
              {[false, true].map((after) => <button key={String(after)} type="button" aria-pressed={state.after.value === after} onClick={() => (state.after.value = after)}>{t(after ? "after" : "before")}</button>)}
            </div>
            {!real && <button type="button" class="quiet small-button" onClick={() => { state.pretending.value = false; state.before.value = now.ring; }}>{t("endPretending")}</button>}
          </div>
          <Moves base={base} later={shown.later} n={now.n} keys={KEYS.filter((key) => state.stored.value.has(key))} />
        </>
      )}
    </>
  );
}

function newcomers(base: Ring, later: Ring): string[] {
  return later.members.filter((member) => base.place(member.nodeId) < 0).map((member) => member.name);
}

/** Which keys the newcomer takes, and from whom. */
function Moves({ base, later, n, keys }: { base: Ring; later: Ring; n: number; keys: string[] }) {
  const rows = keys.map((key) => {
    const partition = partitionOf(tokenOf(key), base.partitions);
    const [was, is] = [base, later].map((ring) => ring.replicas(partition, n).map((place) => ring.members[place]!));
    return { key, gains: is!.filter((member) => !was!.some((old) => old.nodeId === member.nodeId)), loses: was!.filter((member) => !is!.some((one) => one.nodeId === member.nodeId)) };
  });
  const moving = rows.filter((row) => row.gains.length > 0);
  if (keys.length === 0) return <p class="warn-line"><Icon name="warn" /> {t("storeFirst")}</p>;
  return (
    <>
      <p class="big-line">{t("keysMove", { n: moving.length, all: String(keys.length) })}</p>
      <table class="plain">
        <thead><tr><th scope="col">{t("key")}</th><th scope="col">{t("copyGoesTo")}</th><th scope="col">{t("copyGoesFrom")}</th></tr></thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key} class={row.gains.length > 0 ? "moves" : "soft"}>
              <th scope="row">{row.key}</th>
              <td>{row.gains.length > 0 ? row.gains.map((member) => <NodeName key={member.nodeId} nodeId={member.nodeId} name={member.name} />) : t("stays")}</td>
              <td>{row.loses.map((member) => <NodeName key={member.nodeId} nodeId={member.nodeId} name={member.name} />)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function Lose({ state }: { state: State }) {
  const results = useSignal<{ key: string; ok: boolean }[]>([]);
  const away = (cluster.value?.members ?? []).filter((member) => isAway(member.condition));
  const read = async () => {
    const found: { key: string; ok: boolean }[] = [];
    for (const key of KEYS) {
      const ok = await operate({ type: "GET", key, level: "quorum", timeout: "3s" }).then(() => true, () => false);
      found.push({ key, ok });
    }
    results.value = found;
  };
  const good = results.value.filter((result) => result.ok).length;
  return (
    <>
      <p>{away.length > 0 ? <Badge tone="bad">{t("healthAway", { n: away.length, names: list(away.map((member) => member.name)) })}</Badge> : <span class="live"><span class="live-dot" aria-hidden="true" />{t("waitingLoss")}</span>}</p>
      <div class="actions"><button type="button" disabled={state.stored.value.size === 0} onClick={read}>{t("readTen")}</button></div>
      <p class={good === KEYS.length ? "done-line" : "warn-line"} role="status" hidden={results.value.length === 0}>{results.value.length > 0 && <><Icon name={good === KEYS.length ? "good" : "warn"} /> {t("readTenResult", { n: good, all: number(results.value.length) })}</>}</p>
      {state.stored.value.size === 0 && <p class="warn-line"><Icon name="warn" /> {t("storeFirst")}</p>}
    </>
  );
}

function End({ state }: { state: State }) {
  const cleaned = useSignal(false);
  const problem = useSignal<Problem | undefined>(undefined);
  const clean = async () => {
    try {
      for (const key of KEYS) await operate({ type: "DELETE", key });
      state.stored.value = new Map();
      [cleaned.value, problem.value] = [true, undefined];
    } catch (error) {
      problem.value = asProblem(error);
    }
  };
  return (
    <>
      <ul class="plain-list">
        <li><a href={href("data")}>{t("page_data")}</a>: {t("tour_end_data")}</li>
        <li><a href={href("members")}>{t("page_members")}</a>: {t("tour_end_members")}</li>
        <li><a href={href("overview")}>{t("nav_overview")}</a>: {t("tour_end_overview")}</li>
      </ul>
      <div class="actions"><button type="button" class="quiet" onClick={clean}>{t("cleanUp")}</button></div>
      <p class="done-line" role="status">{cleaned.value && <><Icon name="good" /> {t("cleaned")}</>}</p>
      <Trouble problem={problem.value} />
    </>
  );
}
