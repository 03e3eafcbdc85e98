// Texts in the reader's language. A text may hold {names}, and two forms divided by "|": one, and several.

import { computed, signal } from "@preact/signals";
import { remember, remembered } from "../parts/memory";
import { en } from "./en";
import { es } from "./es";

export type Key = keyof typeof en;
export type Language = "en" | "es";
export const LANGUAGES: Record<Language, string> = { en: "English", es: "Español" };

const catalogues: Record<Language, Record<Key, string>> = { en, es };

const wish = remembered("language");
const first: Language = wish === "en" || wish === "es" ? wish : navigator.languages.some((l) => l.startsWith("es")) && !navigator.language.startsWith("en") ? "es" : "en";
export const language = signal<Language>(first);
const catalogue = computed(() => catalogues[language.value]);

export function setLanguage(to: Language): void {
  language.value = to;
  remember("language", to);
  document.documentElement.lang = to;
}

/** The text for a key; `n` chooses between one and several, and is shown with separators. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const forms = catalogue.value[key].split("|");
  const text = forms.length > 1 && values.n !== 1 ? forms[1]! : forms[0]!;
  return text.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : String(value ?? "");
  });
}

const locale = computed(() => (language.value === "es" ? "es-ES" : "en-GB"));

export function number(value: number, digits = 0): string {
  return value.toLocaleString(locale.value, { maximumFractionDigits: digits, minimumFractionDigits: digits, useGrouping: "always" as never });
}

/** A short number for charts and cards: 0, 0.4, 12, 3.4 k, 1.2 M. */
export function compact(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${number(value / 1e6, size < 1e7 ? 1 : 0)} M`;
  if (size >= 1e4) return `${number(value / 1e3, size < 1e5 ? 1 : 0)} k`;
  return number(value, size > 0 && size < 10 && !Number.isInteger(value) ? 1 : 0);
}

export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let at = 0;
  for (; value >= 1024 && at < units.length - 1; at++) value /= 1024;
  return `${number(value, at > 0 && value < 10 ? 1 : 0)} ${units[at]}`;
}

/** A latency in seconds, in the unit that reads best. */
export function duration(seconds: number): string {
  if (seconds === 0) return "0";
  if (seconds < 1e-3) return `${number(seconds * 1e6)} µs`;
  if (seconds < 1) return `${number(seconds * 1e3, seconds < 0.01 ? 1 : 0)} ms`;
  return `${number(seconds, seconds < 10 ? 1 : 0)} s`;
}

/** A span such as an uptime, with its two largest units. */
export function span(seconds: number): string {
  const parts: [number, string][] = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];
  const at = Math.max(0, parts.findIndex(([size]) => seconds >= size));
  if (seconds < 1) return "0 s";
  const [big, small] = [parts[at]!, parts[at + 1]];
  const whole = Math.floor(seconds / big[0]);
  const rest = small ? Math.floor((seconds - whole * big[0]) / small[0]) : 0;
  return `${whole} ${big[1]}${small && rest > 0 ? ` ${rest} ${small[1]}` : ""}`;
}

export function percent(part: number, digits = 1): string {
  return `${number(100 * part, digits)} %`;
}

export function dateTime(millis: number): string {
  return new Date(millis).toLocaleString(locale.value, { dateStyle: "medium", timeStyle: "medium" });
}

export function clock(millis: number): string {
  return new Date(millis).toLocaleTimeString(locale.value);
}

/** The time if it is of today, else with the date. */
export function moment(millis: number): string {
  return new Date(millis).toDateString() === new Date().toDateString() ? clock(millis) : dateTime(millis);
}

/** Names in a row: "Ana, Ted and Minh". */
export function list(names: string[]): string {
  return new Intl.ListFormat(locale.value, { type: "conjunction" }).format(names);
}
