// What a chart draws: bars, averages, levels and the plan as plain values; pure.

import { instant } from "./format.js";

export const AVERAGES = [
  { name: "ema20", title: "EMA 20", period: 20 },
  { name: "ema50", title: "EMA 50", period: 50 },
  { name: "ema200", title: "EMA 200", period: 200 },
];

// {timeframe, simulated, bars: [{at, open, high, low, close, volume, forming}], averages: {ema20:
// [value or null, ...]}, lines: [{kind, price, title}]} of the served series, the readings of its
// timeframe and the levels of the decision.
export function chartModel(series, reading, levels) {
  const bars = series.start.map((start, i) => ({
    at: instant(start),
    open: series.open[i],
    high: series.high[i],
    low: series.low[i],
    close: series.close[i],
    volume: series.volume[i],
    forming: series.forming && i === series.start.length - 1,
  }));
  const closes = series.close;
  return {
    timeframe: series.timeframe,
    simulated: series.simulated,
    bars,
    averages: Object.fromEntries(
      AVERAGES.map(({ name, period }) => [name, average(closes, period)]),
    ),
    lines: [...turns(reading), ...plan(levels)],
  };
}

// The exponential average of closes as the deck defines it: the plain mean of the first `period`
// closes, then moving by 2 / (period + 1). For drawing only: the API tells the averages of the last
// closed bar, not their history. The numbers printed on the page are the deck's own.
export function average(closes, period) {
  let mean = 0;
  return closes.map((close, i) => {
    const weight = i < period ? 1 / (i + 1) : 2 / (period + 1);
    mean += (close - mean) * weight;
    return i < period - 1 ? null : mean;
  });
}

function turns(reading) {
  return (reading?.levels ?? []).map(({ kind, price, touches }) => ({
    kind,
    price,
    title: `${kind}, touched ${touches} ${touches === 1 ? "time" : "times"}`,
  }));
}

function plan(levels) {
  if (!levels) return [];
  return ["target", "entry", "stop"].map((kind) => ({ kind, price: levels[kind], title: kind }));
}
