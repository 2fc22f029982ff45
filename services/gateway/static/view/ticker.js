// The selected ticker: its price, its readings, its chart, its decision.

import { lockedBecause } from "./actions.js";
import { createChart } from "./chart.js";
import { showChange, sourceChip, trendWords } from "./chips.js";
import { cliMenu } from "./cli.js";
import { createDecision } from "./decision.js";
import { field, fill, h, mark, onChange, put } from "./dom.js";
import { ICONS } from "./icons.js";
import { DASH, number, price, signed, span, volume } from "../model/format.js";
import { ageSeconds, isStale } from "../model/state.js";

export function createTicker(root, { actions, onTimeframe, onBack }) {
  const parts = headParts(root, actions, onBack);
  const readings = h("dl", { class: "readings", "aria-label": "Readings after the last closed bar" });
  const chart = createChart({ onTimeframe });
  const decision = createDecision();
  const view = h("section", { class: "ticker-view", "data-view": "ticker", "aria-labelledby": "ticker-title" },
    parts.head, decision.headline, chart.node, readings, decision.node);
  const empty = h("p", { class: "card empty" }, "Choose a ticker in the watchlist.");
  const showReadings = onChange((detail, timeframe) => drawReadings(readings, detail, timeframe));

  return {
    show(state, now) {
      const { detail } = state;
      const row = state.rows?.get(detail.ticker);
      fill(root, detail.ticker ? view : empty);
      if (!detail.ticker) return;
      mark(view, "data-ticker", detail.ticker);
      mark(view, "data-simulated", row?.simulated ?? detail.simulated);
      mark(view, "data-loaded", detail.loaded);
      showHead(parts, state, row, now);
      showReadings(detail.indicators, detail.timeframe);
      chart.show(detail, row);
      decision.show(state, row, now);
    },
    recolour: chart.recolour,
  };
}

// --- the head ----------------------------------------------------------------------------------

function headParts(root, actions, onBack) {
  const ticker = () => field(root, "title").textContent;
  const chip = sourceChip("source");
  const fetch = h("button", { type: "button", "data-action": "fetch", title: "Fetch this ticker now",
    onclick: () => actions.fetch(ticker()) }, "↻ Fetch");
  const remove = h("button", { type: "button", class: "quiet", onclick: ({ currentTarget }) =>
    (currentTarget.dataset.action === "locked" ? actions.locked(ticker()) : actions.remove(ticker())) });
  const back = h("a", { href: "#", class: "back", onclick: (event) => {
    event.preventDefault();
    onBack();
  } }, "← Watchlist");
  const commands = () => ["analyze", "bars", "indicators", "levels", "snapshot", "fetch", "remove"]
    .map((verb) => `./tapedeck ${verb} ${ticker()}`);
  const head = h("header", { class: "ticker-head" },
    back,
    h("h1", { id: "ticker-title", "data-field": "title" }),
    h("p", { class: "quote" },
      h("b", { class: "price", "data-field": "price" }), " ",
      h("span", { "data-field": "change-points", class: "change" }), " ",
      h("span", { "data-field": "change", class: "change" })),
    h("p", { class: "about" }, chip.node, " ", h("span", { "data-field": "age", class: "soft" })),
    h("div", { class: "buttons" }, fetch, remove, cliMenu("This ticker as commands", commands)));
  return { head, chip, fetch, remove };
}

function showHead({ head, chip, fetch, remove }, state, row, now) {
  const { detail } = state;
  put(field(head, "title"), detail.ticker);
  put(field(head, "price"), price(row?.price));
  mark(field(head, "price"), "data-value", row?.price);
  const before = detail.quote?.previous_close ?? null;
  const points = row?.price && before ? row.price - before : null;
  put(field(head, "change-points"), points === null ? "" : signed(points));
  mark(field(head, "change-points"), "data-side", points > 0 ? "up" : points < 0 ? "down" : "flat");
  showChange(field(head, "change"), row?.changePercent);
  chip.show(row?.source ?? null, row?.simulated ?? false);
  const age = row ? ageSeconds(row, now) : null;
  const stale = Boolean(row && age !== null && isStale(row, state, now));
  put(field(head, "age"), age === null ? "no price yet" : `${span(age)} old${stale ? ", stale" : ""}`);
  mark(field(head, "age"), "data-stale", stale);
  const locked = row?.protected ?? false;
  fetch.disabled = !row;
  remove.hidden = !row;
  showRemove(remove, detail.ticker, locked);
}

function showRemove(button, ticker, locked) {
  const action = locked ? "locked" : "remove";
  const label = locked ? lockedBecause(ticker) : `Stop tracking ${ticker}`;
  if (button.dataset.action !== action) button.replaceChildren(locked ? ICONS.locked() : "Remove");
  mark(button, "data-action", action);
  mark(button, "aria-disabled", locked);
  mark(button, "title", label);
  mark(button, "aria-label", label);
}

// --- the readings ------------------------------------------------------------------------------

function drawReadings(node, indicators, timeframe) {
  const reading = indicators?.[timeframe];
  if (!reading) return node.replaceChildren();
  const { trend } = reading;
  const against = (value) => (value === null ? "" : reading.close >= value ? "close above" : "close below");
  return node.replaceChildren(...[
    ["RSI 14", "rsi", number(reading.rsi, 1), zone(reading.rsi)],
    ["MACD", "macd", signed(reading.macd), `signal ${signed(reading.macd_signal)}`],
    ["EMA 20", "ema20", price(reading.ema20), against(reading.ema20)],
    ["EMA 50", "ema50", price(reading.ema50), against(reading.ema50)],
    ["EMA 200", "ema200", price(reading.ema200), against(reading.ema200)],
    ["ATR 14", "atr", price(reading.atr), share(reading.atr, reading.close)],
    ["OBV", "obv", volume(reading.obv), ""],
    ["Trend", "trend", trendWords(trend?.name), trend ? `since ${trend.since.slice(0, 10)}` : ""],
  ].map(([title, name, value, note]) => h("div", { "data-field": name, "data-value": reading[name]?.name ?? reading[name] },
    h("dt", {}, title), h("dd", {}, value, note ? h("small", { class: "soft" }, note) : null))));
}

const zone = (rsi) => (rsi === null ? "" : rsi >= 70 ? "overbought" : rsi <= 30 ? "oversold" : "neutral");
const share = (atr, close) => (atr === null ? DASH : `${number((atr / close) * 100, 1)}% of close`);
