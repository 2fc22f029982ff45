// The button that stops tracking a ticker; for the protected ones a lock that says why.

import { lockedBecause } from "./actions.js";
import { h, mark } from "./dom.js";
import { ICONS } from "./icons.js";

// `word` is what it says where the ticker can be removed; without one it is a picture.
export function removeButton(actions, word = null) {
  let shown = { ticker: "", locked: false };
  const node = h("button", { type: "button", class: "quiet remove" });
  node.addEventListener("click", () =>
    shown.locked ? actions.locked(shown.ticker) : actions.remove(shown.ticker),
  );
  return {
    node,
    show(ticker, locked) {
      shown = { ticker, locked };
      const action = locked ? "locked" : "remove";
      const label = locked ? lockedBecause(ticker) : `Stop tracking ${ticker}`;
      if (node.dataset.action !== action) {
        node.replaceChildren(word && !locked ? word : ICONS[action]());
      }
      mark(node, "data-action", action);
      mark(node, "aria-disabled", locked);
      mark(node, "title", label);
      mark(node, "aria-label", label);
    },
  };
}
