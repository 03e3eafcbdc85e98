// Names of items: a key and perhaps a sort key, each text or, if it is not text, base64.

import { partitionOf } from "../../ring/ring";
import { tokenOf } from "../../ring/sha1";

export interface ItemName {
  key?: string;
  key_base64?: string;
  sort?: string;
  sort_base64?: string;
}

/** Only the naming fields of an answer that has others, too. */
export function nameIn({ key, key_base64, sort, sort_base64 }: ItemName): ItemName {
  return JSON.parse(JSON.stringify({ key, key_base64, sort, sort_base64 }));
}

export const same = (a: ItemName | undefined, b: ItemName | undefined): boolean => JSON.stringify(a && nameIn(a)) === JSON.stringify(b && nameIn(b));

export const toBytes = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export function tokenOfItem(name: ItemName): string {
  return tokenOf(name.key_base64 !== undefined ? toBytes(name.key_base64) : (name.key ?? ""));
}

export const partitionOfItem = (name: ItemName, partitions: number): number => partitionOf(tokenOfItem(name), partitions);

export function show(text: string | undefined, base64: string | undefined): string {
  if (text !== undefined) return text.replace(/[\u0000-\u001f\u007f]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return base64 === undefined ? "" : `base64:${base64}`;
}

/** Elements of Redis hashes and sets: their sort keys begin with a zero byte. They are shown, and not written here. */
export const isElement = (name: ItemName): boolean => name.sort?.startsWith("\u0000") === true || (name.sort_base64 !== undefined && toBytes(name.sort_base64)[0] === 0);

export function query(bucket: string, name?: ItemName): Record<string, string | undefined> {
  return { bucket, ...(name && { key: name.key, key64: name.key_base64, sort: name.sort, sort64: name.sort_base64 }) };
}

export function fromQuery(query: URLSearchParams): ItemName | undefined {
  const get = (name: string) => query.get(name) ?? undefined;
  const name = nameIn({ key: get("key"), key_base64: get("key64"), sort: get("sort"), sort_base64: get("sort64") });
  return name.key === undefined && name.key_base64 === undefined ? undefined : name;
}

/** A word for a shell. Control characters are written out: pasted into a terminal, they would be keys that were pressed. */
export function quoted(text: string): string {
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) return `$'${text.replace(/[\\'\u0000-\u001f\u007f-\u009f]/g, escaped)}'`;
  return /^[\w.,:/@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function escaped(character: string): string {
  if (character === "\\" || character === "'") return `\\${character}`;
  return [...new TextEncoder().encode(character)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}
