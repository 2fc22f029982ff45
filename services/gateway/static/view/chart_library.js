// Finds what draws the chart: TradingView's library where the deck serves it, else our own.

import { createLightweight } from "./chart_lightweight.js";
import { createDrawn } from "./chart_drawn.js";
import { h } from "./dom.js";

const LIBRARY = "/static/vendor/lightweight-charts.js";
const AUTHOR = "https://www.tradingview.com/lightweight-charts/";

let loading = null;

// {name, create, credit}; asked once, whatever comes of it.
export function loadLibrary() {
  loading ??= script(LIBRARY).then(() => {
    if (!window.LightweightCharts) return DRAWN;
    return { name: "lightweight", create: createLightweight, credit: ["Charts by ", link()] };
  });
  return loading;
}

const DRAWN = {
  name: "drawn",
  create: createDrawn,
  credit: [
    "A simple chart: ",
    h("code", {}, "make web"),
    " fetches ",
    link(),
    " for the full one.",
  ],
};

// The library's licence asks for a visible link to its author.
function link() {
  return h(
    "a",
    { href: AUTHOR, target: "_blank", rel: "noopener noreferrer", "data-field": "attribution" },
    "TradingView Lightweight Charts",
  );
}

// Ends when the script has run, or cannot be had.
function script(source) {
  return new Promise((resolve) => {
    document.head.append(h("script", { src: source, onload: resolve, onerror: resolve }));
  });
}
