// The history of the cluster, newest first, as it arrives.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { dateTime, moment, number, t } from "../i18n";
import { cluster, follow, history } from "../node/live";
import type { HistoryEvent } from "../node/types";
import { Badge, Card, CommandLine, Empty, Loading, Narrow } from "../parts/bits";
import { nameOf, sayEvent, toneOf } from "./event_words";

/** Events shown at once. */
const SHOWN = 200;

export function Events() {
  const kind = useSignal("");
  const wanted = useSignal("");
  const seen = useRef<number | undefined>(undefined);
  const events = history.value;
  const newest = events.at(-1)?.epoch ?? 0;
  // What came since the page was opened stands out.
  const before = (seen.current ??= newest > 0 ? newest : undefined) ?? newest;
  useEffect(() => void (seen.current ??= newest || undefined), [newest]);
  const known = newest > 0;
  useEffect(() => (known ? follow() : undefined), [known]);
  const kinds = [...new Set(events.map((event) => event.type))];
  const matching = events.filter((event) => (kind.value === "" || event.type === kind.value) && (wanted.value === "" || JSON.stringify(event).toLowerCase().includes(wanted.value.toLowerCase()))).reverse();
  const shown = matching.slice(0, SHOWN);
  return (
    <>
      <h1 tabIndex={-1}>{t("page_events")}</h1>
      <p class="lead">{t("eventsLead")}</p>
      <Card id="events" title={t("eventsTitle", { n: events.length })} aside={<span class="live"><span class="live-dot" aria-hidden="true" />{t("live")}</span>}>
        <div class="form-row">
          <Narrow kinds={kinds} kind={kind} wanted={wanted} />
        </div>
        {!cluster.value ? <Loading /> : shown.length === 0 ? <Empty icon="events" title={t("noEvents")} /> : (
          <ol class="timeline" aria-live="polite" aria-relevant="additions">
            {shown.map((event) => <Entry key={event.epoch} event={event} all={events} fresh={event.epoch > before} />)}
          </ol>
        )}
        {matching.length > shown.length && <p class="soft">{t("newestOf", { shown: shown.length, n: matching.length })}</p>}
        <CommandLine line="alianza events" />
      </Card>
    </>
  );
}

function Entry({ event, all, fresh }: { event: HistoryEvent; all: HistoryEvent[]; fresh: boolean }) {
  const { about } = event;
  const id = about.nodeId;
  return (
    <li class={`entry ${toneOf(event.type)} ${fresh ? "fresh" : ""}`}>
      <div class="entry-head">
        <time dateTime={new Date(event.timestamp).toISOString()} title={dateTime(event.timestamp)}>{moment(event.timestamp)}</time>
        <Badge tone={toneOf(event.type)}>{event.type}</Badge>
        <span class="soft">{t("epochIs", { epoch: String(event.epoch) })}</span>
      </div>
      <p class="entry-words">{sayEvent(event, all)}</p>
      <details>
        <summary>{t("details")}</summary>
        <dl class="facts">
          {id && <div class="wide-fact"><dt>{t("nodeId")}</dt><dd><code class="break">{id}</code></dd></div>}
          {about.uri && <div class="wide-fact"><dt>{t("address")}</dt><dd><code>{about.uri}</code></dd></div>}
          {about.old && <div class="wide-fact"><dt>{t("inPlaceOf")}</dt><dd>{nameOf(about.old, all)}</dd></div>}
          {about.zone && <div><dt>{t("zone")}</dt><dd>{about.zone}</dd></div>}
          {about.tokens && <div><dt>{t("tokens")}</dt><dd>{number(about.tokens.length)}</dd></div>}
          <div><dt>{t("timestamp")}</dt><dd><code>{String(event.timestamp)}</code></dd></div>
        </dl>
        {about.tokens && <p class="tokens">{about.tokens.map((token) => <code key={token}>{token}</code>)}</p>}
        <pre class="json">{JSON.stringify(withoutTokens(about), undefined, 2)}</pre>
      </details>
    </li>
  );
}

const withoutTokens = ({ tokens, ...rest }: Record<string, unknown>) => rest;
