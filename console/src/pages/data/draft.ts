// What is written from the console: a value as it was read, and as a text field can hold it and give it back unchanged.

import { toBase64 } from "./key";

/** A value with what is kept beside it; `expires` is in milliseconds since 1970. */
export interface Value {
  value?: string;
  value_base64?: string;
  contentType?: string;
  expires?: number;
}

/** What stands in a text field. Browsers make every line end there a bare LF. */
export interface Field {
  text: string;
  base64: boolean;
  /** Each line end is CR LF in the value. */
  crlf: boolean;
}

/** Text whose line ends are of two kinds, or a bare CR, is shown in base64: a text field would change it. */
export function toField({ value = "", value_base64 }: Value): Field {
  if (value_base64 !== undefined) return { text: value_base64, base64: true, crlf: false };
  if (!value.includes("\r")) return { text: value, base64: false, crlf: false };
  const bare = value.replaceAll("\r\n", "");
  if (/[\r\n]/.test(bare)) return { text: toBase64(new TextEncoder().encode(value)), base64: true, crlf: false };
  return { text: value.replaceAll("\r\n", "\n"), base64: false, crlf: true };
}

export function fromField({ text, base64, crlf }: Field): Value {
  if (base64) return { value_base64: text };
  return { value: crlf ? text.replaceAll("\n", "\r\n") : text };
}

/**
 * All values below each other, to be merged by hand; none if one is not text, or would not be edited as text. The media type is
 * theirs if they agree; it ends when the last of them does.
 */
export function merged(values: Value[]): Value | undefined {
  if (values.some((value) => value.value === undefined || toField(value).base64)) return undefined;
  const crlf = values.some((value) => toField(value).crlf);
  const value = values.map((one) => one.value).join(crlf ? "\r\n" : "\n");
  if (toField({ value }).base64) return undefined;
  const kinds = new Set(values.map((one) => one.contentType));
  const ends = values.map((one) => one.expires);
  const end = ends.every((one) => one !== undefined) ? Math.max(...ends) : undefined;
  const contentType = kinds.size === 1 ? values[0]?.contentType : undefined;
  return { value, ...(contentType !== undefined && { contentType }), ...(end !== undefined && { expires: end }) };
}

/** Whether two readings of an item show the same values, in whatever order. */
export function sameValues(a: Value[], b: Value[]): boolean {
  const shown = (values: Value[]) => JSON.stringify(values.map((one) => JSON.stringify([one.value, one.value_base64, one.contentType, one.expires])).sort());
  return shown(a) === shown(b);
}
