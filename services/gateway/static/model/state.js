// What the page knows, and how answers change it: pure functions, state in, state out.

import { nothing } from "./detail.js";
import { instant, plain } from "./format.js";
import { EMPTY_ROW, joined, rowOf, rowOfEntry } from "./rows.js";

export const initial = {
  link: { phase: "connecting", retryAt: null, why: "" },
  seq: 0, // the last event heard
  tapeId: null, // the tape that it is an event of
  collector: null, // the last answer of the collector
  figures: null, // who is ready, how the bus fares
  letters: [], // the events that a service could not take and that wait to be replayed
  ttlSeconds: 300,
  sessions: null, // [{date, open, close}] of the exchange, oldest first
  rows: null, // by ticker, in the order of the watchlist; null until the first answer
  settled: false, // whether all that is asked at first was asked
  tape: [], // the newest events first
  troubles: {}, // what was asked for in vain: a Failure by name
  detail: nothing("", "1d"), // the selected ticker
};

export const withLink = (state, link) => ({ ...state, link });
export const withFigures = (state, figures) => ({ ...state, figures });

// A replayed letter is a thing of the past.
export const withLetters = (state, { letters }) => ({
  ...state,
  letters: letters.filter((letter) => letter.replayed_at === null),
});

export const withSettled = (state) => (state.settled ? state : { ...state, settled: true });

// What was asked for in vain, by what it is; null where it came.
export function withTrouble(state, name, failure) {
  if ((state.troubles[name] ?? null) === failure) return state;
  return { ...state, troubles: { ...state.troubles, [name]: failure } };
}

// Once rows are there, they are the collector's watchlist in its order.
export function withCollector(state, collector) {
  if (state.rows === null) return { ...state, collector };
  const tracked = collector.watchlist.map((ticker) => {
    const row = state.rows.get(ticker) ?? { ...EMPTY_ROW, ticker };
    return [ticker, { ...row, protected: collector.protected.includes(ticker) }];
  });
  return { ...state, collector, rows: new Map(tracked) };
}

// The watchlist as the deck tells it, but for the parts of a row that events have brought further.
export function withWatchlist(state, answer, now) {
  const rows = new Map(
    answer.tickers.map((told) => {
      const before = state.rows?.get(told.ticker) ?? EMPTY_ROW;
      return [told.ticker, joined(rowOf(told, now), before)];
    }),
  );
  return { ...state, rows };
}

// What the cache holds: last known prices and their age, until the deck tells of its watchlist.
export function withCache(state, cache, now) {
  const next = { ...state, ttlSeconds: cache.ttl_seconds };
  if (state.rows !== null) return next;
  const rows = cache.entries.map((entry) => rowOfEntry(entry, cache.seq, now));
  return { ...next, rows: new Map(rows.map((row) => [row.ticker, row])) };
}

// A snapshot begins a new run of events. Of another tape nothing is known yet.
export function withSnapshot(state, message, now) {
  const { ticker, timeframe } = state.detail;
  const another = { tape: [], rows: null, sessions: null, detail: nothing(ticker, timeframe) };
  const same = message.tape === (state.tapeId ?? message.tape) && message.seq >= state.seq;
  const told = { seq: message.seq, tapeId: message.tape };
  const fresh = { ...state, ...(same ? {} : another), ...told };
  const known = message.cache ? withCache(fresh, message.cache, now) : fresh;
  return message.collector ? withCollector(known, message.collector) : known;
}

// The last decisions of all tickers, oldest first: the composites that the watchlist does not tell,
// and the signals where only the cache told of a ticker.
export function withDecisions(state, answer) {
  return answer.events.reduce((next, { seq, event }) => {
    const row = next.rows?.get(plain(event?.ticker ?? ""));
    if (!row || row.simulated !== event.simulated || seq < row.decisionSeq) return next;
    const { signal, composite_score: composite } = event;
    return withRow(next, { ...row, signal, composite, decisionSeq: seq });
  }, state);
}

export function withSessions(state, body) {
  const sessions = body.date.map((date, i) => ({
    date,
    open: instant(body.open[i]),
    close: instant(body.close[i]),
  }));
  return { ...state, sessions };
}

export function withRow(state, row) {
  return { ...state, rows: new Map(state.rows).set(row.ticker, row) };
}

export const anySimulated = (state) =>
  [...(state.rows?.values() ?? [])].some((row) => row.simulated);
