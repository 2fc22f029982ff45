// A chart model drawn by ourselves, as SVG: what the page has where the library was not fetched.

import { AVERAGES } from "../model/chart_model.js";
import { s } from "./dom.js";
import { price, shortBarTime } from "../model/format.js";

const SHOWN_BARS = 110;
const AXIS = { right: 62, bottom: 22, top: 8 };
const VOLUME_SHARE = 0.16;

export function createDrawn(frame, onBar) {
  let model = null;
  const draw = (next) => {
    model = next;
    const { width, height } = frame.getBoundingClientRect();
    if (width && height) frame.replaceChildren(picture(model, width, height, onBar));
  };
  new ResizeObserver(() => model && draw(model)).observe(frame);
  return { draw, recolour: () => {} }; // SVG takes its colours from the style sheet
}

function picture(model, width, height, onBar) {
  const first = Math.max(0, model.bars.length - SHOWN_BARS);
  const bars = model.bars.slice(first);
  const inScale = model.timeframe === "1d" ? ["entry", "stop", "target"] : []; // drawn for days
  const plan = model.lines.filter(({ kind }) => inScale.includes(kind));
  const scale = scales(bars, plan, width, height);
  const lines = AVERAGES.map(({ name }) =>
    averageLine(name, model.averages[name].slice(first), scale),
  );
  const node = s(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      class: "drawn",
      role: "img",
      "aria-label": `${bars.length} bars, the last closes at ${price(bars.at(-1)?.close)}`,
    },
    ...grid(scale),
    ...bars.map((bar, i) => volumeBar(bar, i, scale)),
    ...model.lines
      .filter(({ price: at }) => scale.inSight(at))
      .map((line) => levelLine(line, scale)),
    ...bars.map((bar, i) => candle(bar, i, scale)),
    ...lines,
    ...dates(bars, model.timeframe, scale),
    ...plan.map((line) => planLabel(line, scale)),
  );
  node.addEventListener("pointermove", ({ offsetX }) =>
    onBar(bars[scale.indexAt(offsetX)] ?? bars.at(-1)),
  );
  node.addEventListener("pointerleave", () => onBar(bars.at(-1)));
  return node;
}

function scales(bars, plan, width, height) {
  const low = Math.min(...bars.map((bar) => bar.low), ...plan.map((line) => line.price));
  const high = Math.max(...bars.map((bar) => bar.high), ...plan.map((line) => line.price));
  const most = Math.max(...bars.map((bar) => bar.volume), 1);
  const right = width - AXIS.right;
  const bottom = height - AXIS.bottom;
  const step = right / Math.max(bars.length, 1);
  const floor = bottom - (bottom - AXIS.top) * VOLUME_SHARE;
  return {
    right,
    bottom,
    width,
    step,
    low,
    high,
    x: (index) => (index + 0.5) * step,
    y: (value) => AXIS.top + ((high - value) / (high - low || 1)) * (floor - AXIS.top),
    volume: (value) => (value / most) * (bottom - floor),
    inSight: (value) => value >= low && value <= high,
    indexAt: (x) => Math.floor(x / step),
  };
}

function grid({ low, high, y, right }) {
  return ticks(low, high).flatMap((value) => [
    s("line", { class: "grid", x1: 0, x2: right, y1: y(value), y2: y(value) }),
    s("text", { class: "axis", x: right + 6, y: y(value) + 4 }, price(value)),
  ]);
}

// About six round prices between the lowest and the highest.
function ticks(low, high) {
  const rough = (high - low || 1) / 6;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * size).find((one) => one >= rough);
  const count = Math.floor((high - low) / step) + 1;
  return Array.from({ length: count }, (_, i) => (Math.ceil(low / step) + i) * step).filter(
    (v) => v <= high,
  );
}

const way = (bar) => (bar.close >= bar.open ? "up" : "down") + (bar.forming ? " forming" : "");

function candle(bar, index, { x, y, step }) {
  const body = Math.max(1, step * 0.66);
  const [top, bottom] = [y(Math.max(bar.open, bar.close)), y(Math.min(bar.open, bar.close))];
  return s(
    "g",
    { class: `candle ${way(bar)}` },
    s("line", { x1: x(index), x2: x(index), y1: y(bar.high), y2: y(bar.low) }),
    s("rect", { x: x(index) - body / 2, y: top, width: body, height: Math.max(1, bottom - top) }),
  );
}

function volumeBar(bar, index, { x, step, bottom, volume }) {
  const height = volume(bar.volume);
  return s("rect", {
    class: `volume ${way(bar)}`,
    x: x(index) - step * 0.33,
    y: bottom - height,
    width: step * 0.66,
    height,
  });
}

function averageLine(name, values, { x, y, inSight }) {
  const places = values.flatMap((value, i) =>
    value !== null && inSight(value) ? [`${x(i)},${y(value)}`] : [],
  );
  return s("polyline", { class: `average ${name}`, points: places.join(" ") });
}

const levelLine = ({ kind, price: at, title }, { y, right }) =>
  s(
    "line",
    { class: `level ${kind}`, x1: 0, x2: right, y1: y(at), y2: y(at) },
    s("title", {}, `${title}: ${price(at)}`),
  );

const planLabel = ({ kind, price: at, title }, { y, right }) =>
  s(
    "text",
    { class: `label ${kind}`, x: right - 4, y: y(at) - 4, "text-anchor": "end" },
    `${title} ${price(at)}`,
  );

function dates(bars, timeframe, { x, bottom, right }) {
  const every = Math.max(1, Math.ceil(bars.length / Math.max(2, Math.floor(right / 110))));
  return bars.flatMap((bar, i) =>
    i % every
      ? []
      : [
          s(
            "text",
            { class: "axis", x: x(i), y: bottom + 16, "text-anchor": i ? "middle" : "start" },
            shortBarTime(bar.at, timeframe),
          ),
        ],
  );
}
