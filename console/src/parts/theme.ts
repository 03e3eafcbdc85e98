// Light, dark, or as the system has it.

import { signal } from "@preact/signals";
import { remember, remembered } from "./memory";

export type Theme = "system" | "light" | "dark";
const wish = remembered("theme");
export const theme = signal<Theme>(wish === "light" || wish === "dark" ? wish : "system");

export function setTheme(to: Theme): void {
  theme.value = to;
  remember("theme", to);
  show();
}

export function show(): void {
  if (theme.value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}
