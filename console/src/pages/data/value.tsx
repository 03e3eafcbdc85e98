// A value as text, as JSON with indents, or as bytes.

import { useSignal } from "@preact/signals";
import { moment, bytes as size, t } from "../../i18n";
import type { Value } from "./draft";
import { toBytes } from "./key";

type Form = "text" | "json" | "hex";
/** Bytes shown of one value; more make browsers slow and nobody wiser. */
const SHOWN = 64 << 10;
const HEX_SHOWN = 4 << 10;

export const bytesOf = (value: Value): Uint8Array => (value.value_base64 !== undefined ? toBytes(value.value_base64) : new TextEncoder().encode(value.value ?? ""));

export function ValueView({ value, label }: { value: Value; label: string }) {
  const json = pretty(value.value);
  const form = useSignal<Form>(value.value === undefined ? "hex" : json !== undefined ? "json" : "text");
  const forms: Form[] = [...(value.value !== undefined ? (["text"] as const) : []), ...(json !== undefined ? (["json"] as const) : []), "hex"];
  const now = forms.includes(form.value) ? form.value : forms[0]!;
  const bytes = bytesOf(value);
  const text = now === "hex" ? hex(bytes.slice(0, HEX_SHOWN)) : now === "json" ? json! : (value.value ?? "");
  const cut = now === "hex" ? bytes.length > HEX_SHOWN : text.length > SHOWN;
  return (
    <div class="value">
      <div class="value-head">
        <div class="segments" role="group" aria-label={t("showAs")}>
          {forms.map((one) => (
            <button key={one} type="button" aria-pressed={one === now} onClick={() => (form.value = one)}>{t(`form_${one}`)}</button>
          ))}
        </div>
        <span class="soft value-facts">{[size(bytes.length), value.contentType, value.expires !== undefined && `${t("ends")} ${moment(value.expires)}`].filter(Boolean).join(" · ")}</span>
      </div>
      <pre class="value-text" tabIndex={0} aria-label={label}>{text.length === 0 ? <span class="soft">{t("emptyValue")}</span> : text.slice(0, SHOWN)}</pre>
      {cut && <p class="soft">{t("valueCut")}</p>}
    </div>
  );
}

function pretty(text: string | undefined): string | undefined {
  if (text === undefined || !/^\s*[[{]/.test(text) || text.length > SHOWN) return undefined;
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return undefined;
  }
}

export function hex(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const part = [...bytes.slice(at, at + 16)];
    const digits = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = part.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${digits.padEnd(47)}  ${text}`);
  }
  return lines.join("\n");
}
