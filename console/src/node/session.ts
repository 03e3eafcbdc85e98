// Who uses this console: a token is shown once, and the node knows the browser for a while by a cookie that no script can read.

import { signal } from "@preact/signals";

export interface Session {
  /** The cluster serves only those who show a token. */
  guarded: boolean;
  /** What the token that was shown is called. */
  name: string | null;
}

export const session = signal<Session | null>(null);
/** The node has refused to answer somebody whom it does not know. */
export const isStranger = signal(false);

/** Asks the node who uses this console. */
export async function learn(): Promise<void> {
  const response = await fetch("/console/session", { cache: "no-store" }).catch(() => null);
  if (response?.ok) session.value = (await response.json()) as Session;
}

/** Shows a token; what is wrong with it, or nothing. */
export async function logIn(token: string): Promise<string | null> {
  const headers = { "content-type": "application/json" };
  const request = { method: "POST", headers, body: JSON.stringify({ token }) };
  const response = await fetch("/console/login", request).catch(() => null);
  if (response?.ok) return null;
  const problem = (await response?.json().catch(() => null)) as { detail?: string } | null;
  return problem?.detail ?? "This node does not answer.";
}

export async function logOut(): Promise<void> {
  await fetch("/console/logout", { method: "POST" }).catch(() => null);
  location.reload();
}
