// The two lights: how fresh the data is, and whether the system works; pure.

import { missing } from "../deck/figures.js";
import { isStale } from "./rows.js";

// {state, word, why}: fresh | aged | simulated | none. While the market is closed nothing newer can
// be had, so that only what came before its last close is old.
export function dataLight(state, now) {
  const rows = [...(state.rows?.values() ?? [])].filter((row) => row.price !== null);
  if (!rows.length) return { state: "none", word: "no data yet", why: "No price has arrived yet." };
  const made = rows.filter((row) => row.simulated).length;
  if (made) {
    const why = `${made} of ${rows.length} tickers show simulated prices, made up by the deck.`;
    return { state: "simulated", word: "simulated", why };
  }
  const old = rows.filter((row) => isStale(row, state, now));
  if (!old.length) {
    const closed = state.collector?.market === "closed";
    return {
      state: "fresh",
      word: closed ? "as of the close" : "fresh",
      why: closed
        ? "The market is closed: nothing newer can be had."
        : "Every price came within the time to live.",
    };
  }
  const names = old.map((row) => row.ticker).join(", ");
  return {
    state: "aged",
    word: `${old.length} of ${rows.length} old`,
    why: `Older than they should be: ${names}.`,
  };
}

// {state, word, why}: ready | partial | lost | unknown.
export function systemLight(state, now) {
  const { phase, retryAt, why } = state.link;
  if (phase === "waiting") {
    const seconds = retryAt ? Math.max(0, Math.ceil((retryAt - now) / 1000)) : 0;
    const again = seconds ? `trying again in ${seconds} s` : "trying again";
    return {
      state: "lost",
      word: "not reached",
      why: `${why || "The deck does not answer"}; ${again}. Shown is what was known last.`,
    };
  }
  if (state.figures === null || (phase === "connecting" && state.seq === 0)) {
    return { state: "unknown", word: "connecting", why: "The page is asking the deck." };
  }
  const absent = missing(state.figures);
  if (absent.length) {
    return {
      state: "partial",
      word: `without ${absent.join(", ")}`,
      why: `Not ready: ${absent.join(", ")}. Its log says why: ./tapedeck log ${absent[0]}`,
    };
  }
  if (state.figures.degraded) {
    return {
      state: "partial",
      word: "disk refuses",
      why: "The disk refuses what the bus writes. ./tapedeck health says what and why.",
    };
  }
  return { state: "ready", word: "ready", why: "Every service answers." };
}
