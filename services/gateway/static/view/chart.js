// The chart: its frame, legend and switches, around whichever of the two canvases can be had.

import { AVERAGES, chartModel } from "../model/chart_model.js";
import { barTime, price, volume } from "../model/format.js";
import { TIMEFRAMES } from "../model/route.js";
import { loadLibrary } from "./chart_library.js";
import { fill, h, mark, onChange, put } from "./dom.js";

const NAMES = { "1d": "1 day", "1h": "1 hour" };

export class Chart {
  constructor(onTimeframe) {
    this.canvas = null;
    this.model = null;
    this.frame = h("div", { class: "frame" });
    this.stage = h("div", { class: "stage" }, this.frame, watermark());
    this.readout = h("p", { class: "readout", "data-field": "readout" });
    this.note = h("p", { class: "soft note", "data-field": "chart-note", role: "status" });
    this.credit = h("p", { class: "credit soft" });
    this.switches = TIMEFRAMES.map((timeframe) => switchTo(timeframe, onTimeframe));
    this.node = this.assembled();
    this.remodel = onChange((...parts) => this.take(...parts));
    loadLibrary().then((found) => this.drawWith(found));
  }

  assembled() {
    const length = { class: "switch", role: "group", "aria-label": "Length of a bar" };
    return h(
      "section",
      { class: "card chart", "aria-label": "Chart" },
      h("div", { class: "head" }, h("div", length, ...this.switches), legend(), this.readout),
      this.stage,
      h("div", { class: "foot" }, this.note, this.credit),
    );
  }

  drawWith({ name, create, credit }) {
    this.canvas = create(this.frame, (bar) => this.read(bar));
    mark(this.node, "data-chart", name);
    fill(this.credit, ...credit);
    this.draw();
  }

  show(detail, row) {
    const { timeframe, decision } = detail;
    for (const one of this.switches) {
      mark(one, "aria-pressed", one.dataset.timeframe === timeframe);
    }
    mark(this.node, "data-simulated", detail.simulated || (row?.simulated ?? false));
    const ofThisSeries = decision?.simulated === detail.simulated;
    const levels = ofThisSeries ? decision.levels : null;
    this.remodel(detail.series, detail.indicators?.[timeframe], levels);
    put(this.note, noteOf(detail, row));
  }

  take(series, reading, levels) {
    this.model = series && chartModel(series, reading, levels);
    mark(this.node, "data-bars", this.model?.bars.length ?? 0);
    mark(this.node, "data-forming", this.model?.bars.at(-1)?.forming ?? false);
    mark(this.stage, "data-empty", !this.model);
    this.draw();
  }

  draw() {
    if (this.canvas && this.model) this.canvas.draw(this.model);
    this.read(this.model?.bars.at(-1));
  }

  read(bar) {
    put(this.readout, bar ? barWords(bar, this.model.timeframe) : "");
  }

  // The colours come from the style sheet: a new theme is drawn anew.
  recolour() {
    this.canvas?.recolour();
  }
}

const watermark = () => h("p", { class: "watermark", "aria-hidden": "true" }, "SIMULATED");

const switchTo = (timeframe, onTimeframe) =>
  h(
    "button",
    { type: "button", "data-timeframe": timeframe, onclick: () => onTimeframe(timeframe) },
    NAMES[timeframe],
  );

function legend() {
  const key = (name, title) => h("li", { class: `key ${name}` }, title);
  return h(
    "ul",
    { class: "legend", "aria-label": "Legend" },
    ...AVERAGES.map(({ name, title }) => key(name, title)),
    key("turn", "support, resistance"),
    key("planned", "entry, stop, target"),
  );
}

function barWords(bar, timeframe) {
  const words = [
    barTime(bar.at, timeframe),
    `O ${price(bar.open)}`,
    `H ${price(bar.high)}`,
    `L ${price(bar.low)}`,
    `C ${price(bar.close)}`,
    `V ${volume(bar.volume)}`,
    bar.forming ? "forming" : "",
  ];
  return words.join("  ").trimEnd();
}

function noteOf({ series, failure, loaded }, row) {
  if (series?.forming) return "The hollow bar is still forming; nothing is decided on it.";
  if (series) return "";
  if (failure) return `${failure.message}: ${failure.remedy}`;
  if (loaded) return "No bars of this length are known yet.";
  return !row || row.price === null ? "Waiting for the first bars." : "Reading the bars…";
}
