// The banners over the page: that prices are made up, that a source denies the session, that the
// deck cannot be asked.

import { moment } from "../model/format.js";
import { systemLight } from "../model/lights.js";
import { anySimulated } from "../model/state.js";
import { field, find, h, mark, onChange, put } from "./dom.js";

const PATIENCE_MS = 1_500; // a reconnection that takes no longer is nobody's concern

export class Banners {
  constructor(root) {
    this.simulated = find(root, "[data-banner=simulated]");
    this.halted = find(root, "[data-banner=halted]");
    this.trouble = find(root, "[data-banner=trouble]");
    this.lostSince = null;
    this.showTrouble = onChange((text, remedy) => {
      this.trouble.hidden = !text;
      this.trouble.replaceChildren(h("strong", {}, text), h("span", {}, remedy));
    });
  }

  show(state, now) {
    const simulated = anySimulated(state);
    this.simulated.hidden = !simulated;
    mark(document.documentElement, "data-simulated", simulated);
    put(field(this.simulated, "simulated-why"), simulated ? whySimulated(state, now) : "");
    this.halted.hidden = !state.collector?.halted;
    put(field(this.halted, "halted-why"), haltedWords(state.collector, now));
    this.lostSince = state.link.phase === "live" ? null : (this.lostSince ?? now);
    this.showTrouble(...troubleOf(state, now, this.lostSince));
  }
}

// What the source says, and what follows from it.
function haltedWords(collector, now) {
  if (!collector?.halted || !collector.market_told) return "";
  const { source, holiday, market_time: at } = collector.market_told;
  const why = holiday ? ` (${holiday})` : "";
  return (
    `says ${source} at ${moment(Date.parse(at), now)}${why}, though the calendar has a session. ` +
    "Collecting by the clock rests until it says otherwise; what you ask for is still fetched."
  );
}

function whySimulated(state, now) {
  const retries = (state.collector?.sources ?? [])
    .filter(({ usable, retry_at: at }) => !usable && at)
    .map(({ retry_at: at }) => Date.parse(at));
  const again = retries.length
    ? ` Real sources are tried again at ${moment(Math.min(...retries), now)}.`
    : "";
  return (
    "Prices here are made up by the deck, since no source could bring real ones. " +
    `Nothing on this page says anything about a market.${again}`
  );
}

// The sentence and its remedy; empty where all is well.
function troubleOf(state, now, lostSince) {
  if (lostSince !== null && now - lostSince > PATIENCE_MS) return lostWords(state, now, lostSince);
  const light = systemLight(state, now);
  if (light.state === "partial") return [`The deck is ${light.word}.`, light.why];
  const failure = Object.values(state.troubles).find(Boolean);
  return failure ? [`${failure.message}.`.replace(/\.\.$/, "."), failure.remedy] : ["", ""];
}

function lostWords(state, now, lostSince) {
  if (!state.seq) return ["The deck does not answer.", "Start it in its folder: make run"];
  const known = `Shown is what was known ${moment(lostSince, now)}`;
  const again = "the page goes on by itself when the deck is back (make run).";
  return ["The deck is not reached.", `${known}; ${again}`];
}
