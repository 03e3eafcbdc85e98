// Small things remembered in this browser: theme, language, recent statements. A browser that keeps nothing is fine.

export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(`alianza.${name}`);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`alianza.${name}`, value);
  } catch {
    // Private windows may refuse; the choice then holds for this page only.
  }
}
