// Which page is shown: what stands behind the # of the address.

import { computed, signal } from "@preact/signals";

export const PAGES = ["overview", "ring", "members", "events", "data", "sql", "audit", "tour"] as const;
export type Page = (typeof PAGES)[number];

const hash = signal(location.hash);
addEventListener("hashchange", () => (hash.value = location.hash));

export const route = computed(() => {
  const [path = "", query = ""] = hash.value.replace(/^#\/?/, "").split("?");
  const page = PAGES.find((known) => known === path) ?? "overview";
  return { page, query: new URLSearchParams(query) };
});

export function href(page: Page, query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return `#/${page}${given.length > 0 ? `?${new URLSearchParams(given)}` : ""}`;
}

export function go(page: Page, query: Record<string, string | undefined> = {}): void {
  location.hash = href(page, query);
}
