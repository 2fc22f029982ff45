// How events change the state: one fold for each stream that the page shows; pure.

import { keyOf, streamOf } from "./events.js";
import { instant, isSimulated, plain } from "./format.js";
import { EMPTY_ROW, isNews } from "./rows.js";
import { withRow, withSessions } from "./state.js";

const TAPE_KEPT = 200;

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

// Whether real prices speak of a row that shows simulated ones: then the deck must be asked which
// of both it is now.
export function contradicts(state, event) {
  const row = state.rows?.get(plain(keyOf(event)));
  if (!row?.simulated || row.price === null || isSimulated(keyOf(event))) return false;
  return event.seq > row.seq && SPEAKING.includes(streamOf(event));
}

const SPEAKING = ["market.quote", "decision.made"];
