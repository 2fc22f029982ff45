// What is known of the selected ticker, and how answers and events change it; pure.

import { instant, isSimulated, plain } from "./format.js";
import { fromAnalysis, fromDecision } from "./decision_model.js";
import { keyOf, streamOf } from "./events.js";

// `decision` is as decision_model.js makes it, `series` the served bars in columns, `news` the
// newest headlines and when a source was asked for them, `asking` says that the analyzer is being
// asked. `seqs` tells which event each part came with.
export const nothing = (ticker, timeframe) => ({
  ticker,
  timeframe,
  simulated: false,
  seqs: {},
  quote: null,
  indicators: null,
  forming: null,
  decision: null,
  series: null,
  news: null,
  asking: false,
  failure: null,
  loaded: false,
});

// An answer may be older than what events told meanwhile: each part is taken by its seq.
export function withSnapshot(detail, told) {
  const before =
    detail.simulated === told.simulated ? detail : nothing(detail.ticker, detail.timeframe);
  let next = { ...before, loaded: true, failure: null, simulated: told.simulated };
  for (const [name, at] of Object.entries(told.known)) {
    next = withPart(next, name, PARTS[name](told[name], at), at.seq);
  }
  return next;
}

const PARTS = {
  quote: (body) => body,
  indicators: (body) => body.timeframes,
  forming: (body) => body.timeframes,
  decision: (body, { seq, at }) => fromDecision(body, seq, instant(at)),
};

function withPart(detail, name, value, seq) {
  if (seq <= (detail.seqs[name] ?? 0)) return detail;
  return { ...detail, [name]: value, seqs: { ...detail.seqs, [name]: seq } };
}

export const withNews = (detail, news) => ({ ...detail, news });

export const withBars = (detail, series) =>
  series.timeframe === detail.timeframe ? { ...detail, series } : detail;

// The analyzer's answer knows more of the same decision, but not of a later one.
export function withAnalysis(detail, answer) {
  const decision = fromAnalysis(answer);
  const next = { ...detail, asking: false, failure: null };
  if (!decision || decision.seq < (detail.seqs.decision ?? 0)) return next;
  if (decision.simulated !== detail.simulated) return next;
  return { ...next, decision, seqs: { ...detail.seqs, decision: decision.seq } };
}

export const withAsking = (detail) => ({ ...detail, asking: true });
export const withFailure = (detail, failure) => ({
  ...detail,
  asking: false,
  loaded: true,
  failure,
});
export const withTimeframe = (detail, timeframe) => ({ ...detail, timeframe, series: null });

// Whether bars of the timeframe can be asked for.
export const hasBars = (detail) =>
  Boolean(detail.indicators?.[detail.timeframe] ?? detail.forming?.[detail.timeframe]);

const STREAMS = {
  "market.quote": "quote",
  "indicators.computed": "indicators",
  "indicators.forming": "forming",
  "decision.made": "decision",
};

// Only events of the series that is shown; those it holds already are no news.
export function withEvent(detail, event) {
  const name = STREAMS[streamOf(event)];
  if (!event.event || !isOf(detail, event)) return detail;
  if (name) return withPart(detail, name, PARTS[name](event.event, event), event.seq);
  return streamOf(event) === "market.bars" ? withChunk(detail, event) : detail;
}

function withChunk(detail, { event: chunk, seq }) {
  const { series } = detail;
  const fits = series && chunk.timeframe === detail.timeframe && series.seq < seq;
  if (!fits || splits(chunk)) return detail;
  return { ...detail, series: merged(series, chunk, seq) };
}

const isOf = (detail, event) => {
  const key = keyOf(event);
  return plain(key) === detail.ticker && isSimulated(key) === detail.simulated;
};

// Events tell prices as they were traded, the API in today's shares: after a split they differ.
const splits = (chunk) => (chunk.splits ?? []).some((ratio) => ratio !== 1);

// What must be asked because of an event: "all" when the first readings of a ticker are there, or
// when real prices replace simulated ones; "bars" that are too large for the live stream, or split;
// the "analysis" of a new decision; "news" when a source answered for headlines. Asked before
// readings are there, the deck would refuse.
export function wanted(detail, event) {
  if (plain(keyOf(event)) !== detail.ticker) return null;
  const stream = streamOf(event);
  if (stream === "market.news") return "news";
  const other = isSimulated(keyOf(event)) !== detail.simulated;
  if (stream === "indicators.computed" && (!detail.loaded || (other && detail.simulated)))
    return "all";
  if (other) return null;
  if (stream === "market.bars" && (event.event === null || splits(event.event))) return "bars";
  if (stream === "indicators.computed" && detail.series === null) return "bars";
  return stream === "decision.made" && event.seq > (detail.seqs.decision ?? 0) ? "analysis" : null;
}

const COLUMNS = ["start", "open", "high", "low", "close", "volume"];

// The series with a later chunk, which replaces the bars it repeats.
export function merged(series, chunk, seq) {
  const bars = new Map();
  for (const told of [series, chunk]) {
    told.start.forEach((start, i) =>
      bars.set(
        start,
        COLUMNS.map((name) => told[name][i]),
      ),
    );
  }
  const rows = [...bars.values()].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  const columns = COLUMNS.map((name, i) => [name, rows.map((row) => row[i])]);
  const newest = chunk.start.at(-1) === rows.at(-1)[0];
  const forming = newest ? chunk.forming : series.forming;
  return { ...series, ...Object.fromEntries(columns), seq, forming };
}
