// The readings of the selected ticker after the last closed bar, as the deck computed them.

import { DASH, number, price, signed, volume } from "../model/format.js";
import { trendWords } from "./chips.js";
import { h } from "./dom.js";

const OVERBOUGHT = 70;
const OVERSOLD = 30;

// A tile for each reading: its title, its field, its value as told, in words, and a note.
export function drawReadings(node, reading) {
  node.replaceChildren(...(reading ? tiles(reading).map(tile) : []));
}

function tiles(reading) {
  const { rsi, macd, macd_signal: signal, atr, obv, trend, close } = reading;
  const averages = [20, 50, 200].map((bars) => {
    const value = reading[`ema${bars}`];
    return [`EMA ${bars}`, `ema${bars}`, value, price(value), against(value, close)];
  });
  const share = atr === null ? "" : `${number((atr / close) * 100, 1)}% of close`;
  return [
    ["RSI 14", "rsi", rsi, number(rsi, 1), zone(rsi)],
    ["MACD", "macd", macd, signed(macd), `signal ${signed(signal)}`],
    ...averages,
    ["ATR 14", "atr", atr, price(atr), share],
    ["OBV", "obv", obv, volume(obv), ""],
    ["Trend", "trend", trend?.name, trendWords(trend?.name), since(trend)],
  ];
}

const tile = ([title, name, value, text, note]) =>
  h(
    "div",
    { "data-field": name, "data-value": value },
    h("dt", {}, title),
    h("dd", {}, text, note ? h("small", { class: "soft" }, note) : null),
  );

function zone(rsi) {
  if (rsi === null) return DASH;
  return rsi >= OVERBOUGHT ? "overbought" : rsi <= OVERSOLD ? "oversold" : "neutral";
}

const against = (value, close) =>
  value === null ? "" : close >= value ? "close above" : "close below";

const since = (trend) => (trend ? `since ${trend.since.slice(0, 10)}` : "");
