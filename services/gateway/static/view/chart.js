// The chart: its frame, legend and switches, around whichever of the two canvases can be had.

import { AVERAGES, chartModel } from "../model/chart_model.js";
import { fill, h, mark, onChange, put } from "./dom.js";
import { barTime, price, volume } from "../model/format.js";
import { TIMEFRAMES } from "../model/route.js";
import { loadLibrary } from "./chart_library.js";

const NAMES = { "1d": "1 day", "1h": "1 hour" };

export function createChart({ onTimeframe }) {
  const frame = h("div", { class: "frame" });
  const stage = h("div", { class: "stage" }, frame, h("p", { class: "watermark", "aria-hidden": "true" }, "SIMULATED"));
  const readout = h("p", { class: "readout", "data-field": "readout" });
  const note = h("p", { class: "soft note", "data-field": "chart-note", role: "status" });
  const credit = h("p", { class: "credit soft" });
  const switches = TIMEFRAMES.map((timeframe) => h("button", {
    type: "button", "data-timeframe": timeframe, onclick: () => onTimeframe(timeframe),
  }, NAMES[timeframe]));
  const node = h("section", { class: "card chart", "aria-label": "Chart" },
    h("div", { class: "head" }, h("div", { class: "switch", role: "group", "aria-label": "Length of a bar" }, ...switches),
      legend(), readout),
    stage, h("div", { class: "foot" }, note, credit));

  let canvas = null;
  let model = null;
  const readAt = (bar) => put(readout, bar ? barWords(bar, model.timeframe) : "");
  const draw = () => {
    if (canvas && model) canvas.draw(model);
    readAt(model?.bars.at(-1));
  };
  loadLibrary().then((found) => {
    canvas = found.create(frame, readAt);
    mark(node, "data-chart", found.name);
    fill(credit, ...found.credit);
    draw();
  });

  const remodel = onChange((series, reading, levels) => {
    model = series && chartModel(series, reading, levels);
    mark(node, "data-bars", model?.bars.length ?? 0);
    mark(node, "data-forming", model?.bars.at(-1)?.forming ?? false);
    mark(stage, "data-empty", !model);
    draw();
  });

  return {
    node,
    show(detail, row) {
      for (const one of switches) mark(one, "aria-pressed", one.dataset.timeframe === detail.timeframe);
      const simulated = detail.simulated || (row?.simulated ?? false);
      mark(node, "data-simulated", simulated);
      const fits = detail.decision?.simulated === detail.simulated;
      remodel(detail.series, detail.indicators?.[detail.timeframe], fits ? detail.decision?.levels : null);
      put(note, noteOf(detail, row));
    },
    // The colours come from the style sheet: a new theme is drawn anew.
    recolour: () => canvas?.recolour(),
  };
}

function legend() {
  const item = (name, title) => h("li", { class: `key ${name}` }, title);
  return h("ul", { class: "legend", "aria-label": "Legend" },
    ...AVERAGES.map(({ name, title }) => item(name, title)),
    item("turn", "support, resistance"), item("planned", "entry, stop, target"));
}

function barWords(bar, timeframe) {
  const prices = [["O", bar.open], ["H", bar.high], ["L", bar.low], ["C", bar.close]]
    .map(([name, value]) => `${name} ${price(value)}`).join("  ");
  return `${barTime(bar.at, timeframe)}  ${prices}  V ${volume(bar.volume)}${bar.forming ? "  forming" : ""}`;
}

function noteOf(detail, row) {
  if (detail.failure && !detail.series) return `${detail.failure.message}: ${detail.failure.remedy}`;
  if (detail.series) return detail.series.forming ? "The hollow bar is still forming; nothing is decided on it." : "";
  if (detail.loaded) return "No bars of this length are known yet.";
  return row?.price === null || !row ? "Waiting for the first bars." : "Reading the bars…";
}
