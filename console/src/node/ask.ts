// Asking the node this page came from. What goes wrong becomes one `Problem` with a sentence for people.

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
  const json = await response.json().catch(() => ({}));
  if (response.ok) return json as T;
  const kind = typeof json.type === "string" ? json.type.replace("/problems/", "") : "unknown";
  throw new Problem(json.detail ?? `The node answered with ${response.status}.`, response.status, kind, json);
}

/** An operation on items: `POST /`. */
export const operate = <T>(operation: Record<string, unknown>): Promise<T> => ask<T>("/", operation);

export const asProblem = (error: unknown): Problem =>
  error instanceof Problem ? error : new Problem(String(error), 0, "console", {});
