// The two banners over the page: that prices are made up, and that the deck cannot be asked.

import { field, find, h, mark, onChange, put } from "./dom.js";
import { moment } from "../model/format.js";
import { systemLight } from "../model/lights.js";
import { anySimulated } from "../model/state.js";

const PATIENCE_MS = 1_500; // a reconnection that takes no longer is nobody's concern

export function createBanners(root) {
  const made = find(root, "[data-banner=simulated]");
  const trouble = find(root, "[data-banner=trouble]");
  let lostSince = null;

  const showTrouble = onChange((text, remedy) => {
    trouble.replaceChildren(
      h("strong", {}, text), remedy ? h("span", {}, remedy) : "",
    );
  });

  return (state, now) => {
    const simulated = anySimulated(state);
    made.hidden = !simulated;
    mark(document.documentElement, "data-simulated", simulated);
    if (simulated) put(field(root, "simulated-why"), whySimulated(state, now));

    lostSince = state.link.phase === "live" ? null : lostSince ?? now;
    const [text, remedy] = troubleOf(state, now, lostSince);
    trouble.hidden = !text;
    if (text) showTrouble(text, remedy);
  };
}

function whySimulated(state, now) {
  const down = (state.collector?.sources ?? []).filter(
    ({ source, usable }) => !usable && source !== "simulated",
  );
  const next = down.map(({ retry_at: at }) => at && Date.parse(at)).filter(Boolean).sort()[0];
  const again = next ? ` Real sources are tried again at ${moment(next, now)}.` : "";
  return "Prices here are made up by the deck, since no source could bring real ones. "
    + `Nothing on this page says anything about a market.${again}`;
}

function troubleOf(state, now, lostSince) {
  if (lostSince !== null && state.seq > 0 && now - lostSince > PATIENCE_MS) {
    return ["The deck is not reached.",
      `Shown is what was known ${moment(lostSince, now)}; the page goes on by itself when the deck is back (make run).`];
  }
  if (lostSince !== null && state.seq === 0 && now - lostSince > PATIENCE_MS) {
    return ["The deck does not answer.", "Start it in its folder: make run"];
  }
  const light = systemLight(state, now);
  if (light.state === "partial") return [`The deck is ${light.word}.`, light.why];
  const failure = Object.values(state.troubles).find(Boolean);
  return failure ? [`${failure.message}.`.replace(/\.\.$/, "."), failure.remedy ?? ""] : ["", ""];
}
