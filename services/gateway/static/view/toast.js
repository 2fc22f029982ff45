// Short messages at the edge of the page: what was done, or why not, and a way back.

import { h } from "./dom.js";

const SHOWN_MS = 8_000;
const TOASTS_MAX = 4;

// Says a sentence; `remedy` is said below it, `undo` {label, act} becomes a button.
export function toast(text, { remedy = "", undo = null, bad = false } = {}) {
  const place = document.getElementById("toasts");
  const note = h(
    "div",
    { class: "toast", "data-toast": bad ? "bad" : "good" },
    h("p", {}, text),
    remedy ? h("p", { class: "soft" }, remedy) : null,
  );
  const end = () => note.remove();
  if (undo) {
    note.append(
      h(
        "button",
        {
          type: "button",
          onclick: () => {
            end();
            undo.act();
          },
        },
        undo.label,
      ),
    );
  }
  note.append(
    h("button", { type: "button", class: "quiet", "aria-label": "Dismiss", onclick: end }, "×"),
  );
  place.append(note);
  while (place.children.length > TOASTS_MAX) place.firstElementChild.remove();
  setTimeout(end, SHOWN_MS);
}
