/** Light, dark, or what the system says; remembered in this browser. */

export type Theme = "auto" | "light" | "dark";

const key = "linkerd-theme";

export function savedTheme(): Theme {
  try {
    const value = localStorage.getItem(key);
    return value === "light" || value === "dark" ? value : "auto";
  } catch {
    // Storage can be forbidden by the browser's settings; the system's theme will do.
    return "auto";
  }
}

export function applyTheme(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
  try {
    localStorage.setItem(key, theme);
  } catch {
    // Forbidden storage: the choice lasts until the page is closed.
    return;
  }
}

export function nextTheme(theme: Theme): Theme {
  return theme === "auto" ? "light" : theme === "light" ? "dark" : "auto";
}
