// The rows of the watchlist: what is known of each tracked ticker, as answers tell it; pure.

import { plain } from "./format.js";
import { sessionAt } from "./sessions.js";

// A tracked ticker. `knownAt` is when its price came, in epoch milliseconds. `seq` is how far the
// deck had heard when it told of the row, `seqs` which later events brought a part further.
export const EMPTY_ROW = {
  protected: false,
  simulated: false,
  stale: true,
  price: null,
  changePercent: null,
  source: null,
  knownAt: null,
  rsi: null,
  trend: null,
  signal: null,
  composite: null,
  decisionSeq: null,
  refusal: null,
  moved: null,
  seq: 0,
  seqs: {},
};

const PARTS = {
  quote: ["price", "changePercent", "source", "knownAt", "stale", "moved", "refusal"],
  reading: ["rsi", "trend"],
  decision: ["signal", "composite", "decisionSeq"],
};

// From a row of /api/tickers.
export function rowOf(told, now) {
  return {
    ...EMPTY_ROW,
    ticker: told.ticker,
    protected: told.protected,
    simulated: told.simulated,
    stale: told.stale,
    price: told.price,
    changePercent: told.change_percent,
    source: told.source,
    knownAt: told.age_seconds === null ? null : now - told.age_seconds * 1000,
    rsi: told.rsi,
    trend: told.trend,
    signal: told.signal,
    decisionSeq: told.decision_seq,
    seq: told.seq,
  };
}

// From an entry of the cache, which knows the price alone.
export const rowOfEntry = (entry, seq, now) => ({
  ...EMPTY_ROW,
  ticker: plain(entry.ticker),
  simulated: entry.simulated,
  stale: entry.stale,
  price: entry.price,
  source: entry.source,
  knownAt: entry.age_seconds === null ? null : now - entry.age_seconds * 1000,
  seq,
});

// The row as told, but for the parts that events have brought further. The composite is not told,
// so what events told of the same decision is kept.
export function joined(told, before) {
  if (told.simulated !== before.simulated) return told;
  const row = { ...told, refusal: told.price === null ? before.refusal : null };
  if (told.decisionSeq === before.decisionSeq) row.composite = before.composite;
  for (const [part, names] of Object.entries(PARTS)) {
    if ((before.seqs[part] ?? 0) <= told.seq) continue;
    for (const name of names) row[name] = before[name];
    row.seqs = { ...row.seqs, [part]: before.seqs[part] };
  }
  return row;
}

// Whether an event is later than what the part of the row holds.
export const isNews = (row, part, event) => event.seq > Math.max(row.seq, row.seqs[part] ?? 0);

export const isKnown = (row) => row.price !== null || row.rsi !== null || row.signal !== null;
export const ageSeconds = (row, now) =>
  row.knownAt === null ? null : Math.max(0, (now - row.knownAt) / 1000);

// Whether something newer could have come for longer than the time to live. While its market is
// closed a price grows no older; what is traded elsewhere than in New York the deck itself tells.
export function isStale(row, state, now) {
  if (row.stale || row.knownAt === null) return true;
  if (keepsOwnHours(row.ticker)) return false;
  const { running, last } = sessionAt(state.sessions, now);
  if (!running && last) return false;
  const since = running ? Math.max(row.knownAt, running.open) : row.knownAt;
  return (now - since) / 1000 > state.ttlSeconds;
}

const keepsOwnHours = (ticker = "") => /=[XF]$|-[A-Z]{3,4}$/.test(ticker);
