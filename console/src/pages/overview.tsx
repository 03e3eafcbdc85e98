// How the cluster is, at a glance: one sentence, the numbers that matter, charts of the last five minutes.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { bytes, clock, compact, dateTime, duration, list, number, percent, span, t } from "../i18n";
import type { Key } from "../i18n";
import { asProblem, ask } from "../node/ask";
import type { Problem } from "../node/ask";
import { cluster, everywhere, hasStats, isAway, mayAskAll, repair, repairWanted, series, showEverywhere, silentSince } from "../node/live";
import type { Sample } from "../node/series";
import type { Cluster, Repair } from "../node/types";
import { Bar, Card, Loading, NodeName, Tile, Trouble } from "../parts/bits";
import type { Line } from "../parts/chart";
import { Chart } from "../parts/chart";
import { health } from "../parts/health";
import { Icon } from "../parts/icons";
import { RingPicture } from "../parts/ring_picture";
import { Progress } from "./progress";
import { ringNow } from "./ring_now";
import { href } from "../router";

/** Colours of the operations, always the same. */
const HUES: Record<string, string> = { get: "var(--c1)", put: "var(--c2)", delete: "var(--c5)", scan: "var(--c3)", change: "var(--c4)", add: "var(--c6)", expire: "var(--plain-fill)" };

export function Overview() {
  useEffect(() => {
    repairWanted.value++;
    return () => void repairWanted.value--;
  }, []);
  const now = cluster.value;
  const well = health(now, silentSince.value);
  return (
    <>
      <div class={`hero ${well.tone}`}>
        <Icon name={well.tone === "plain" ? "wait" : well.tone} />
        <div>
          <h1 tabIndex={-1}>{well.sentence}</h1>
          <p class="hero-note">{well.advice || (now && t("asSeenBy", { name: now.name }))}</p>
          {well.details.length > 0 && (
            <ul class="hero-details" lang="en">
              {well.details.map((detail) => <li key={detail}>{detail}</li>)}
            </ul>
          )}
        </div>
      </div>
      {now ? <Body now={now} /> : silentSince.value === undefined && <Loading />}
    </>
  );
}

function Body({ now }: { now: Cluster }) {
  return (
    <>
      <Tiles now={now} />
      <Progress />
      <div class="columns two">
        <div class="stack">
          <Whose now={now} />
          <Charts />
        </div>
        <div class="stack">
          <RingCard now={now} />
          <RepairCard />
          <PeersCard now={now} />
        </div>
      </div>
    </>
  );
}

function Tiles({ now }: { now: Cluster }) {
  const up = now.members.filter((member) => !isAway(member.condition)).length;
  const sample = series.samples.value.at(-1);
  const stats = series.latest.value.get(now.name);
  const all = [...series.latest.value.values()];
  const together = all.length > 1;
  const hints = now.hints.reduce((sum, hint) => sum + hint.waiting, 0);
  const hintsFor = list(now.hints.filter((hint) => hint.waiting > 0 || hint.more).map((hint) => hint.name));
  const rate = sample && !sample.gap ? total(sample.rates) : undefined;
  const errors = sample && !sample.gap ? total(sample.errors) : undefined;
  const p99 = sample?.latency.p99;
  const stored = all.length === 0 ? undefined : all.reduce((sum, one) => sum + (one.storage?.bytes ?? 0), 0);
  const rooms = all.flatMap((one) => one.storage?.free ?? []);
  const free = rooms.length === 0 ? undefined : Math.min(...rooms);
  return (
    <dl class="tiles">
      <Tile label={t("nodes")} value={`${number(up)} / ${number(now.members.length)}`} note={t("reached")} tone={up < now.members.length ? "bad" : "good"} />
      <Tile label={t("opsShort")} value={rate === undefined ? "–" : compact(rate)} note={together ? t("throughAll", { n: all.length }) : t("throughNode", { name: now.name })} />
      <Tile label={t("latencyP99")} value={p99 === undefined ? "–" : duration(p99)} note={t("lastSeconds")} />
      <Tile label={t("errorsShort")} value={errors === undefined ? "–" : compact(errors)} note={stats ? t("uptime", { span: span(stats.uptime) }) : undefined} tone={errors ? "bad" : "plain"} />
      <Tile label={t("hints")} value={number(hints)} note={hintsFor ? t("hintsFor", { names: hintsFor }) : t("hintsNone")} tone={hints > 0 ? "warn" : "plain"} />
      <Tile label={together ? t("storedAll") : t("stored")} value={stored === undefined ? "–" : bytes(stored)} note={free === undefined ? undefined : t(together ? "freeLeast" : "free", { size: bytes(free) })} tone={free !== undefined && free < 2 ** 28 ? "bad" : "plain"} />
    </dl>
  );
}

const total = (of: Record<string, number>) => Object.values(of).reduce((sum, value) => sum + value, 0);

/** Whose numbers the charts show. */
function Whose({ now }: { now: Cluster }) {
  if (hasStats.value !== true || now.members.length < 2 || !mayAskAll.value) return null;
  return (
    <div class="whose">
      <div class="segments" role="group" aria-label={t("whoseNumbers")}>
        {[true, false].map((all) => <button key={String(all)} type="button" aria-pressed={everywhere.value === all} onClick={() => showEverywhere(all)}>{all ? t("allNodes") : now.name}</button>)}
      </div>
      <span class="soft">{t("whoseNote")}</span>
    </div>
  );
}

function Charts() {
  const samples = series.samples.value;
  const times = samples.map((sample) => sample.at);
  if (hasStats.value === false) {
    return (
      <Card id="charts" title={t("charts")}>
        <p class="soft">{t("noStats")}</p>
      </Card>
    );
  }
  const names = Object.keys(HUES).filter((name) => samples.some((sample) => sample.rates[name] !== undefined));
  const label = (name: string) => t(`op_${name}` as Key);
  const byName = (pick: (sample: Sample) => Record<string, number>, wanted: string[]): Line[] =>
    wanted.map((name) => ({ name: label(name), colour: HUES[name]!, values: samples.map((sample) => (sample.gap ? undefined : pick(sample)[name] ?? 0)) }));
  const failing = names.filter((name) => samples.some((sample) => (sample.errors[name] ?? 0) > 0));
  const latency: Line[] = [["p50", "var(--c3)"], ["p95", "var(--c2)"], ["p99", "var(--c5)"]].map(([name, colour]) => ({
    name: name!, colour: colour!, values: samples.map((sample) => sample.latency[name as "p50"]),
  }));
  const none: Line[] = [{ name: t("noErrors"), colour: "var(--c3)", values: samples.map((sample) => (sample.gap ? undefined : 0)) }];
  return (
    <>
      <div class="card"><Chart title={t("opsPerSecond")} lines={byName((s) => s.rates, names.filter((name) => name === "get" || name === "put" || samples.some((s) => (s.rates[name] ?? 0) > 0)))} times={times} show={compact} floor={1} empty={t("gathering")} /></div>
      <div class="card"><Chart title={t("latency")} lines={latency} times={times} show={duration} floor={1e-3} empty={t("gathering")} /></div>
      <div class="card"><Chart title={t("errorsPerSecond")} lines={failing.length > 0 ? byName((s) => s.errors, failing) : none} times={times} show={compact} floor={1} empty={t("gathering")} /></div>
    </>
  );
}

function RingCard({ now }: { now: Cluster }) {
  const shape = ringNow.value;
  if (!shape) return null;
  return (
    <Card id="overview-ring" title={t("page_ring")} aside={<a href={href("ring")}>{t("lookCloser")}</a>}>
      <div class="mini">
        <RingPicture ring={shape.ring} n={shape.n} conditions={shape.conditions} moving={shape.moving} small />
        <ul class="names">
          {now.members.slice(0, 8).map((member) => (
            <li key={member.nodeId}>
              <NodeName nodeId={member.nodeId} name={member.name} condition={member.condition} />
              <span class="soft">{percent((shape.shares[shape.ring.place(member.nodeId)] ?? 0) / shape.ring.partitions, 0)}</span>
            </li>
          ))}
          {now.members.length > 8 && <li class="soft">{t("andMore", { n: now.members.length - 8 })}</li>}
        </ul>
      </div>
    </Card>
  );
}

function RepairCard() {
  const [now, problem, asked] = [repair.value, useSignal<Problem | undefined>(undefined), useSignal(false)];
  const run = async () => {
    try {
      repair.value = await ask<Repair>("/v1/repair", undefined, "POST");
      [problem.value, asked.value] = [undefined, true];
    } catch (error) {
      problem.value = asProblem(error);
    }
  };
  if (!now) return null;
  const unknown = Math.max(0, now.trees - now.identical - now.differing);
  const busy = now.comparing + now.building + now.repairing > 0 || now.leftInPass > 0;
  const part = (value: number) => percent(value / Math.max(now.trees, 1), 1);
  return (
    <Card id="repair" title={t("repair")} aside={<button type="button" class="quiet" onClick={run}>{t("compareNow")}</button>}>
      <p class="big-line">{now.differing > 0 ? t("repairDiffers", { n: now.differing, share: part(now.differing) }) : unknown > 0 ? t("repairPartly", { share: part(now.identical) }) : t("repairAll")}</p>
      <Bar
        label={t("repairBar", { identical: part(now.identical), differing: part(now.differing), unknown: part(unknown) })}
        parts={[{ value: now.identical, tone: "good", name: t("identical") }, { value: now.differing, tone: "bad", name: t("differing") }, { value: unknown, tone: "plain", name: t("notCompared") }]}
      />
      <dl class="facts">
        <div><dt>{t("identical")}</dt><dd>{number(now.identical)}</dd></div>
        <div><dt>{t("differing")}</dt><dd>{number(now.differing)}</dd></div>
        <div><dt>{t("notCompared")}</dt><dd>{number(unknown)}</dd></div>
        <div><dt>{t("damaged")}</dt><dd>{number(now.damaged)}</dd></div>
        <div><dt>{t("spent")}</dt><dd>{number(now.spent)}</dd></div>
        <div><dt>{t("collected")}</dt><dd>{number(now.collected)}</dd></div>
      </dl>
      <p class="soft note-line">
        {busy ? t("repairBusy") : asked.value ? t("repairAsked") : now.identicalSince ? t("repairSince", { time: dateTime(now.identicalSince) }) : t("repairScope", { name: now.name })}
      </p>
      {now.notCollectedBecause.length > 0 && <p class="soft">{t("notCollected")} <span lang="en">{now.notCollectedBecause.join("; ")}.</span></p>}
      <Trouble problem={problem.value} />
    </Card>
  );
}

function PeersCard({ now }: { now: Cluster }) {
  const others = now.members.filter((member) => !member.self);
  if (others.length === 0) return null;
  const slowest = Math.max(1, ...others.map((member) => member.roundTripMs ?? 0));
  return (
    <Card id="peers" title={t("peers", { name: now.name })} aside={<span class="soft">{clock(Date.now())}</span>}>
      <table class="plain peers">
        <thead><tr><th scope="col">{t("name")}</th><th scope="col" class="number">{t("roundTrip")}</th><th scope="col"><span class="hidden">{t("roundTrip")}</span></th></tr></thead>
        <tbody>
          {others.map((member) => (
            <tr key={member.nodeId}>
              <td><NodeName nodeId={member.nodeId} name={member.name} condition={member.condition} /></td>
              <td class="number">{isAway(member.condition) ? t("notReached") : member.roundTripMs === null ? "–" : `${number(member.roundTripMs, 2)} ms`}</td>
              <td class="meter">{!isAway(member.condition) && member.roundTripMs !== null && <span class="meter-bar" style={{ width: `${(100 * member.roundTripMs) / slowest}%` }} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}
