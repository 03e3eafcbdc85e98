// Small parts that many pages use.

import { useSignal } from "@preact/signals";
import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { t } from "../i18n";
import { isAway } from "../node/live";
import type { Problem } from "../node/ask";
import { colour } from "../ring/colours";
import { Dot, Icon } from "./icons";

export type Tone = "good" | "warn" | "bad" | "wait" | "plain";

/** A titled box. */
export function Card({ title, aside, children, class: extra = "", id }: { title?: ComponentChildren; aside?: ComponentChildren; children: ComponentChildren; class?: string; id: string }) {
  return (
    <section class={`card ${extra}`} aria-labelledby={title ? `${id}-title` : undefined} id={id}>
      {title && (
        <div class="card-head">
          <h2 id={`${id}-title`}>{title}</h2>
          {aside && <div class="card-aside">{aside}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

/** A line of a shell that does the same as what is on the page. */
export function CommandLine({ line, label }: { line: string; label?: string }) {
  const copied = useSignal(false);
  const copy = async () => {
    copied.value = await toClipboard(line);
    setTimeout(() => (copied.value = false), 1_500);
  };
  return (
    <div class="command">
      {label && <span class="command-label">{label}</span>}
      <code tabIndex={0}>{line}</code>
      <button type="button" class="ghost" onClick={copy} aria-label={t("copyLine", { line })} title={t("copy")}>
        <Icon name={copied.value ? "done" : "copy"} />
      </button>
    </div>
  );
}

async function toClipboard(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Pages that came neither over TLS nor from this machine have no clipboard of their own.
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}

/** A node by name, with its colour. */
export function NodeName({ nodeId, name, condition }: { nodeId: string; name: string; condition?: string }) {
  const away = condition !== undefined && isAway(condition);
  return (
    <span class={away ? "node away" : "node"}>
      <Dot fill={colour(nodeId)} hollow={away} />
      {name}
    </span>
  );
}

export const Badge = ({ tone, children }: { tone: Tone; children: ComponentChildren }) => <span class={`badge ${tone}`}>{children}</span>;

export const Empty = ({ icon, title, children }: { icon: Icon; title: string; children?: ComponentChildren }) => (
  <div class="empty">
    <Icon name={icon} />
    <p class="empty-title">{title}</p>
    {children && <div class="empty-text">{children}</div>}
  </div>
);

/** What went wrong, in the node's words. */
export function Trouble({ problem }: { problem: Problem | undefined }) {
  return (
    <div role="alert" class="trouble-slot">
      {problem && (
        <p class="trouble">
          <Icon name="bad" />
          <span>
            <span lang={problem.status === 0 ? undefined : "en"}>{problem.status === 0 && problem.kind === "silent" ? t("silentNow") : problem.detail}</span>
            {problem.uncertain && <> {t("mayBeApplied")}</>}
          </span>
        </p>
      )}
    </div>
  );
}

export const Loading = () => (
  <div class="loading" role="status">
    {t("asking")}
  </div>
);

/** Narrows a list: to one kind, and to what a text is found in. */
export function Narrow({ kinds, kind, wanted }: { kinds: string[]; kind: Signal<string>; wanted: Signal<string> }) {
  return (
    <>
      <label class="field"><span>{t("kind")}</span>
        <select value={kind.value} onChange={(event) => (kind.value = event.currentTarget.value)}>
          <option value="">{t("all")}</option>
          {kinds.map((one) => <option key={one}>{one}</option>)}
        </select>
      </label>
      <label class="field grow"><span>{t("filter")}</span><input type="search" value={wanted.value} onInput={(event) => (wanted.value = event.currentTarget.value)} /></label>
    </>
  );
}

/** One number that matters, with what it is. */
export function Tile({ label, value, note, tone = "plain" }: { label: string; value: ComponentChildren; note?: ComponentChildren; tone?: Tone }) {
  return (
    <div class={`tile ${tone}`}>
      <dt>{label}</dt>
      <dd class="tile-value">{value}</dd>
      <dd class="tile-note">{note ?? "\u00a0"}</dd>
    </div>
  );
}

/** A bar of parts of one whole, with a word for each. */
export function Bar({ parts, label }: { parts: { value: number; tone: Tone; name: string }[]; label: string }) {
  const whole = parts.reduce((sum, part) => sum + part.value, 0) || 1;
  return (
    <div class="bar" role="img" aria-label={label}>
      {parts.map((part) => part.value > 0 && <span key={part.name} class={`bar-part ${part.tone}`} style={{ width: `${(100 * part.value) / whole}%` }} title={part.name} />)}
    </div>
  );
}
