// The theme: as the system has it, light, or dark; kept for the next visit.

import { ICONS } from "./icons.js";

const KEY = "tapedeck.theme";
const ORDER = ["auto", "light", "dark"];

export const theme = () => document.documentElement.dataset.theme;

// Shows the theme on the button and turns to the next one at a click; `changed` is told.
export function themeButton(button, changed) {
  const show = () => {
    const next = ORDER[(ORDER.indexOf(theme()) + 1) % ORDER.length];
    button.replaceChildren(ICONS[theme()]());
    button.title = `Theme: ${theme()}. Turn to ${next}.`;
    button.setAttribute("aria-label", button.title);
    button.dataset.next = next;
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = button.dataset.next;
    localStorage.setItem(KEY, theme());
    show();
    changed();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
  show();
}
