// Asking the node this page came from. What goes wrong becomes one `Problem` with a sentence for people.

import { isStranger } from "./session";

/** How long an answer may take. */
const PATIENCE_MS = 15_000;

export class Problem extends Error {
  constructor(
    readonly detail: string,
    readonly status: number,
    readonly kind: string,
    readonly body: Record<string, unknown>,
  ) {
    super(detail);
  }
  /** The write that was refused may have been made all the same. */
  get uncertain(): boolean {
    return this.body.mayHaveBeenApplied === true;
  }
}

/** How far the node's clock is ahead of the browser's, in ms. Told by headers to the second: less than two are nothing. */
let ahead = 0;

/** Now, in milliseconds since 1970, as the node has it. */
export const nodeNow = (): number => Date.now() + ahead;

function setClock(date: string | null): void {
  const difference = Date.parse(date ?? "") + 500 - Date.now();
  if (!Number.isNaN(difference)) ahead = Math.abs(difference) < 2_000 ? 0 : difference;
}

/** The node could not be reached at all. */
export const SILENT = "silent";

export async function ask<T>(path: string, body?: unknown, method?: string, patience = PATIENCE_MS): Promise<T> {
  const request: RequestInit = { cache: "no-store", signal: AbortSignal.timeout(patience) };
  if (body !== undefined) Object.assign(request, { method: method ?? "POST", body: JSON.stringify(body) });
  else if (method) request.method = method;
  let response: Response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new Problem("This node does not answer.", 0, SILENT, {});
  }
  setClock(response.headers.get("date"));
  const json = await response.json().catch(() => ({}));
  if (response.ok) return json as T;
  if (response.status === 401) isStranger.value = true;
  const kind = typeof json.type === "string" ? json.type.replace("/problems/", "") : "unknown";
  throw new Problem(json.detail ?? `The node answered with ${response.status}.`, response.status, kind, json);
}

/** A method of JSON-RPC. */
export async function call<T>(method: string, params: Record<string, unknown>): Promise<T> {
  const answer = await ask<{ result?: T; error?: { message: string; data?: Record<string, unknown> } }>("/rpc", { jsonrpc: "2.0", id: 1, method, params });
  if (!answer.error) return answer.result as T;
  const { message, data = {} } = answer.error;
  throw new Problem(message, Number(data.status ?? 500), String(data.type ?? "unknown").replace("/problems/", ""), data);
}

/** An operation on items: `POST /`. */
export const operate = <T>(operation: Record<string, unknown>): Promise<T> => ask<T>("/", operation);

export const asProblem = (error: unknown): Problem =>
  error instanceof Problem ? error : new Problem(String(error), 0, "console", {});
