// Rows as a file for spreadsheets (RFC 4180).

import type { Rows } from "../node/types";

/** Spreadsheets run a cell that begins so, and its text may be anybody's: an apostrophe before it makes it text. */
const FORMULA = /^[=+\-@\t\r]/;

export function csv({ columns, rows }: Pick<Rows, "columns" | "rows">): string {
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

function cell(value: unknown): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const plain = typeof value === "object" ? JSON.stringify(value) : String(value);
  const text = FORMULA.test(plain) ? `'${plain}` : plain;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
