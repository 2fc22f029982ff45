// What is known of the selected ticker, and how answers and events change it; pure.

import { instant, isSimulated, plain } from "./format.js";
import { fromAnalysis, fromDecision } from "./decision_model.js";
import { keyOf, streamOf } from "./events.js";

// `decision` is as decision_model.js makes it, `series` the served bars in columns, `asking` says
// that the analyzer is being asked. `seq` is the last event that it holds.
export const nothing = (ticker, timeframe) => ({
  ticker, timeframe, simulated: false, seq: 0, quote: null, knownAt: null, indicators: null,
  forming: null, decision: null, series: null, asking: false, failure: null, loaded: false,
});

export function withSnapshot(detail, told, now) {
  const at = told.known.decision;
  return {
    ...detail,
    loaded: true,
    failure: null,
    simulated: told.simulated,
    seq: told.seq,
    quote: told.quote,
    knownAt: told.age_seconds === null ? null : now - told.age_seconds * 1000,
    indicators: told.indicators?.timeframes ?? null,
    forming: told.forming?.timeframes ?? null,
    decision: told.decision
      ? newer(detail, fromDecision(told.decision, at.seq, instant(at.at)))
      : null,
  };
}

export const withBars = (detail, series) =>
  series.timeframe === detail.timeframe ? { ...detail, series } : detail;

export function withAnalysis(detail, answer) {
  const decision = fromAnalysis(answer);
  return { ...detail, asking: false, failure: null, decision: decision && newer(detail, decision) };
}

// The later of the known decision and this one; the same one in the newer words, which know more.
function newer({ ticker, decision }, told) {
  if (!decision || decision.ticker !== ticker || decision.seq < told.seq) return told;
  if (decision.simulated !== told.simulated) return told;
  return decision.seq === told.seq && told.dataSource !== null ? told : decision;
}

export const withAsking = (detail) => ({ ...detail, asking: true });
export const withFailure = (detail, failure) => ({ ...detail, asking: false, loaded: true, failure });
export const withTimeframe = (detail, timeframe) => ({ ...detail, timeframe, series: null });

// Whether bars of the timeframe can be asked for.
export const hasBars = (detail) => Boolean(
  detail.indicators?.[detail.timeframe] ?? detail.forming?.[detail.timeframe],
);

const FOLDS = {
  "market.quote": (detail, event, body) => ({ ...detail, quote: body, knownAt: instant(event.at) }),
  "indicators.computed": (detail, event, body) => ({ ...detail, indicators: body.timeframes }),
  "indicators.forming": (detail, event, body) => ({ ...detail, forming: body.timeframes }),
  "decision.made": (detail, event, body) => ({
    ...detail, decision: fromDecision(body, event.seq, instant(event.at)),
  }),
  "market.bars": (detail, event, body) => {
    const { series } = detail;
    if (!series || body.timeframe !== detail.timeframe || series.seq >= event.seq) return detail;
    return { ...detail, series: merged(series, body, event.seq) };
  },
};

// Only events of the series that is shown; those it holds already are no news.
export function withEvent(detail, event) {
  const fold = FOLDS[streamOf(event)];
  if (!fold || !event.event || !isOf(detail, event) || event.seq <= detail.seq) return detail;
  return { ...fold(detail, event, event.event), seq: event.seq };
}

const isOf = (detail, event) => {
  const key = keyOf(event);
  return plain(key) === detail.ticker && isSimulated(key) === detail.simulated;
};

// What must be asked for because of an event: the first data of a ticker, bars too large for the
// live stream, and what the analyzer says of a decision that is new.
export function wanted(detail, event) {
  if (plain(keyOf(event)) !== detail.ticker) return null;
  const stream = streamOf(event);
  const other = isSimulated(keyOf(event)) !== detail.simulated;
  if (stream === "market.quote" && (detail.quote === null || (other && detail.simulated))) return "all";
  if (other) return null;
  if (stream === "market.bars" && event.event === null) return "bars";
  if (stream === "indicators.computed" && detail.series === null) return "bars";
  return stream === "decision.made" && event.seq > detail.seq ? "analysis" : null;
}

const COLUMNS = ["start", "open", "high", "low", "close", "volume"];

// The series with a later chunk, which replaces the bars it repeats.
export function merged(series, chunk, seq) {
  const bars = new Map();
  for (const told of [series, chunk]) {
    told.start.forEach((start, i) => bars.set(start, COLUMNS.map((name) => told[name][i])));
  }
  const rows = [...bars.values()].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  const columns = COLUMNS.map((name, i) => [name, rows.map((row) => row[i])]);
  const newest = chunk.start.at(-1) === rows.at(-1)[0];
  const forming = newest ? chunk.forming : series.forming;
  return { ...series, ...Object.fromEntries(columns), seq, forming };
}
