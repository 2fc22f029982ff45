// The selected ticker: its price, its decision, its chart, its readings, its headlines.

import { Chart } from "./chart.js";
import { DecisionCard } from "./decision.js";
import { fill, h, mark, onChange } from "./dom.js";
import { News } from "./news.js";
import { drawReadings } from "./readings.js";
import { TickerHead } from "./ticker_head.js";

export class Ticker {
  constructor(root, { actions, onTimeframe, onBack }) {
    this.root = root;
    this.head = new TickerHead(actions, onBack);
    this.chart = new Chart(onTimeframe);
    this.decision = new DecisionCard();
    this.news = new News();
    const readings = h("dl", {
      class: "readings",
      "aria-label": "Readings at the last closed bar",
    });
    this.showReadings = onChange((reading) => drawReadings(readings, reading));
    this.view = h(
      "section",
      { class: "ticker-view", "data-view": "ticker", "aria-labelledby": "ticker-title" },
      this.head.node,
      this.decision.headline,
      this.chart.node,
      readings,
      this.decision.node,
      this.news.node,
    );
    this.empty = h("p", { class: "card empty" }, "Choose a ticker in the watchlist.");
  }

  show(state, now) {
    const { detail } = state;
    const row = state.rows?.get(detail.ticker) ?? null;
    fill(this.root, detail.ticker ? this.view : this.empty);
    if (!detail.ticker) return;
    mark(this.view, "data-ticker", detail.ticker);
    mark(this.view, "data-simulated", row?.simulated ?? detail.simulated);
    mark(this.view, "data-loaded", detail.loaded);
    this.head.show(state, row, now);
    this.showReadings(detail.indicators?.[detail.timeframe] ?? null);
    this.chart.show(detail, row);
    this.decision.show(state, row, now);
    this.news.show(detail, now);
  }

  recolour() {
    this.chart.recolour();
  }
}
