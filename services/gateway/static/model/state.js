// What the page knows, and how answers and events change it: pure functions, state in, state out.

import { nothing } from "./detail.js";
import { keyOf, streamOf } from "./events.js";
import { instant, isSimulated, plain } from "./format.js";

const TAPE_KEPT = 200;

export const initial = {
  link: { phase: "connecting", retryAt: null, why: "" },
  seq: 0, // the last event heard
  collector: null, // the last answer of the collector, and when it came
  collectorAt: null,
  figures: null, // who is ready
  ttlSeconds: 300,
  sessions: null, // [{date, open, close}] of the exchange, oldest first
  rows: null, // by ticker, in the order of the watchlist; null until the first answer
  settled: false, // whether all that is asked at first was asked
  tape: [], // the newest events first
  troubles: {}, // what was asked for in vain: a Failure by name
  detail: nothing("", "1d"), // the selected ticker
};

// A tracked ticker. `knownAt` is when its price came, in epoch milliseconds. `seq` is how far the deck
// had heard when it told of the row, `seqs` which later events brought a part further.
const EMPTY_ROW = {
  protected: false, simulated: false, stale: true, price: null, changePercent: null, source: null,
  knownAt: null, rsi: null, trend: null, signal: null, composite: null, decisionSeq: null,
  refusal: null, moved: null, seq: 0, seqs: {},
};

const PARTS = {
  quote: ["price", "changePercent", "source", "knownAt", "stale", "moved", "refusal"],
  reading: ["rsi", "trend"],
  decision: ["signal", "composite", "decisionSeq"],
};

// --- answers -----------------------------------------------------------------------------------

export const withLink = (state, link) => ({ ...state, link });
export const withFigures = (state, figures) => ({ ...state, figures });

export const withSettled = (state) => (state.settled ? state : { ...state, settled: true });

// What was asked for in vain, by what it is; null where it came.
export function withTrouble(state, name, failure) {
  if ((state.troubles[name] ?? null) === failure) return state;
  return { ...state, troubles: { ...state.troubles, [name]: failure } };
}

// Once rows are there, they are the collector's watchlist in its order.
export function withCollector(state, collector, now) {
  const rows = state.rows && new Map(collector.watchlist.map((ticker) => {
    const row = state.rows.get(ticker) ?? { ...EMPTY_ROW, ticker };
    return [ticker, { ...row, protected: collector.protected.includes(ticker) }];
  }));
  return { ...state, collector, collectorAt: now, rows };
}

// The watchlist as the deck tells it, but for the parts of a row that events have brought further.
export function withWatchlist(state, answer, now) {
  const rows = new Map(answer.tickers.map((told) => {
    const before = state.rows?.get(told.ticker) ?? EMPTY_ROW;
    return [told.ticker, joined(rowOf(told, now), before)];
  }));
  return { ...state, rows };
}

function rowOf(told, now) {
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

// The composite is not told, so what events told of the same decision is kept.
function joined(told, before) {
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

// What the cache holds, shown where the collector does not answer: last known prices, and their age.
export function withCache(state, cache, now) {
  const next = { ...state, ttlSeconds: cache.ttl_seconds };
  if (state.rows !== null) return next;
  const rows = new Map(cache.entries.map((entry) => [plain(entry.ticker), {
    ...EMPTY_ROW,
    ticker: plain(entry.ticker),
    simulated: entry.simulated,
    stale: entry.stale,
    price: entry.price,
    source: entry.source,
    knownAt: entry.age_seconds === null ? null : now - entry.age_seconds * 1000,
    seq: cache.seq,
  }]));
  return { ...next, rows };
}

// A snapshot begins a new run of events: those shown so far may be of another tape.
export function withSnapshot(state, message, now) {
  const fresh = { ...state, seq: message.seq, tape: message.seq < state.seq ? [] : state.tape };
  const known = message.cache ? withCache(fresh, message.cache, now) : fresh;
  return message.collector ? withCollector(known, message.collector, now) : known;
}

// The last decisions of all tickers, oldest first: the composites that the watchlist does not tell, and
// the signals where only the cache told of a ticker.
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
    date, open: instant(body.open[i]), close: instant(body.close[i]),
  }));
  return { ...state, sessions };
}

// --- events ------------------------------------------------------------------------------------

// Every event that is news, in order; each stream has one fold, the others only show on the tape.
export function withEvents(state, message) {
  const news = message.events.filter((event) => !state.tape.some((old) => old.seq === event.seq));
  let next = { ...state, seq: message.seq };
  for (const event of news) {
    const fold = FOLDS[streamOf(event)];
    if (fold && event.event) next = fold(next, event, event.event);
  }
  const tape = [...next.tape, ...news].sort((a, b) => b.seq - a.seq).slice(0, TAPE_KEPT);
  return { ...next, tape };
}

const FOLDS = {
  "market.quote": onRow("quote", (row, event, body) => ({
    ...row,
    price: body.price,
    changePercent: body.previous_close ? (body.price / body.previous_close - 1) * 100 : null,
    source: body.source,
    knownAt: instant(event.at),
    stale: false,
    refusal: null,
    moved: row.price === null ? null : { by: body.price - row.price, seq: event.seq },
  })),
  "indicators.computed": onRow("reading", (row, event, { timeframes }) => ({
    ...row,
    rsi: timeframes["1d"]?.rsi ?? null,
    trend: timeframes["1d"]?.trend?.name ?? null,
  })),
  "decision.made": onRow("decision", (row, event, body) => ({
    ...row,
    signal: body.signal,
    composite: body.composite_score,
    decisionSeq: event.seq,
  })),
  "market.refused": (state, event, body) => {
    const row = state.rows?.get(plain(body.ticker));
    if (!row || row.price !== null) return state;
    return withRow(state, { ...row, refusal: body });
  },
  "cache.cleared": (state, event, { ticker }) => {
    const named = [...(state.rows?.values() ?? [])].filter(
      (row) => isNews(row, "quote", event) && (!ticker || plain(ticker) === row.ticker),
    );
    return named.reduce((next, row) => withRow(next, { ...row, stale: true }), state);
  },
  "watchlist.added": (state, event, { ticker }) =>
    state.rows === null || state.rows.has(ticker)
      ? state
      : withRow(state, { ...EMPTY_ROW, ticker, seq: event.seq }),
  "watchlist.removed": (state, event, { ticker }) => {
    if (!state.rows?.has(ticker) || state.rows.get(ticker).seq >= event.seq) return state;
    const rows = new Map(state.rows);
    rows.delete(ticker);
    return { ...state, rows };
  },
  "calendar.sessions": (state, event, body) => withSessions(state, body),
};

// A fold of the row that the event's series belongs to, if it is that series which the row shows:
// a simulated price never comes into a real row, and only the deck's word makes a row real again.
function onRow(part, fold) {
  return (state, event, body) => {
    const row = state.rows?.get(plain(keyOf(event)));
    const simulated = isSimulated(keyOf(event));
    if (!row || !isNews(row, part, event)) return state;
    if (row.price !== null && row.simulated !== simulated) return state;
    const seqs = { ...row.seqs, [part]: event.seq };
    return withRow(state, fold({ ...row, simulated, seqs }, event, body));
  };
}

const isNews = (row, part, event) => event.seq > Math.max(row.seq, row.seqs[part] ?? 0);

function withRow(state, row) {
  return { ...state, rows: new Map(state.rows).set(row.ticker, row) };
}

// Whether a series that the row does not show has something to say: then the deck must be asked
// which of both it is now.
export function contradicts(state, event) {
  const row = state.rows?.get(plain(keyOf(event)));
  const spoken = streamOf(event) === "market.quote" || streamOf(event) === "decision.made";
  return Boolean(spoken && row && row.price !== null && row.seq < event.seq
    && row.simulated && !isSimulated(keyOf(event)));
}

// --- what follows from it ----------------------------------------------------------------------

export const isKnown = (row) => row.price !== null || row.rsi !== null || row.signal !== null;
export const ageSeconds = (row, now) =>
  row.knownAt === null ? null : Math.max(0, (now - row.knownAt) / 1000);
export const isStale = (row, state, now) =>
  row.stale || (ageSeconds(row, now) ?? Infinity) > state.ttlSeconds;
export const anySimulated = (state) =>
  [...(state.rows?.values() ?? [])].some((row) => row.simulated);
