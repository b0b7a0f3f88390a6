// Light, dark, or as the system has it. The choice is kept in this browser.

export type Theme = "auto" | "light" | "dark";

const themes: readonly Theme[] = ["auto", "light", "dark"];
const key = "tabraft.theme";

/** The theme chosen; auto if none was, or if storage is forbidden. */
export function theme(): Theme {
  const chosen = remembered(key);
  return themes.find((name) => name === chosen) ?? "auto";
}

/** Goes on to the next theme. */
export function nextTheme(): Theme {
  const next = themes[(themes.indexOf(theme()) + 1) % themes.length]!;
  remember(key, next);
  document.documentElement.dataset["theme"] = next;
  return next;
}

/** Puts the chosen theme on the page. */
export function applyTheme(): void {
  document.documentElement.dataset["theme"] = theme();
}

// Where storage is forbidden, choices last as long as the tab.
const here = new Map<string, string>();

/** Reads a choice of this browser's user. */
export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return here.get(name) ?? null;
  }
}

/** Keeps a choice of this browser's user. */
export function remember(name: string, value: string): void {
  here.set(name, value);
  try {
    localStorage.setItem(name, value);
  } catch {
    // Kept in `here`.
  }
}
