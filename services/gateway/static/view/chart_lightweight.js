// A chart model drawn by TradingView Lightweight Charts 5.

import { AVERAGES } from "../model/chart_model.js";
import { colours, faded } from "./colours.js";
import { barTime, day, minute, monthOrDay } from "../model/format.js";

const SHOWN_BARS = 130;
const WIDTHS = { ema20: 1, ema50: 2, ema200: 2 };

export function createLightweight(frame, onBar) {
  const library = window.LightweightCharts;
  const chart = library.createChart(frame, { autoSize: true });
  const volume = chart.addSeries(library.HistogramSeries, {
    priceScaleId: "",
    priceFormat: { type: "volume" },
    lastValueVisible: false,
    priceLineVisible: false,
  });
  volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
  const averages = Object.fromEntries(
    AVERAGES.map(({ name }) => [
      name,
      chart.addSeries(library.LineSeries, {
        lineWidth: WIDTHS[name],
        lastValueVisible: false,
        priceLineVisible: false,
        crosshairMarkerVisible: false,
      }),
    ]),
  );
  const candles = chart.addSeries(library.CandlestickSeries, { lastValueVisible: true });
  chart.priceScale("right").applyOptions({ scaleMargins: { top: 0.06, bottom: 0.2 } });

  let model = null;
  let shown = "";
  let lines = [];
  let bars = new Map();
  chart.subscribeCrosshairMove(({ time }) => onBar(bars.get(time) ?? model?.bars.at(-1)));

  function draw(next) {
    model = next;
    bars = new Map(model.bars.map((bar) => [secondsOf(bar), bar]));
    const paint = colours();
    chart.applyOptions(chartOptions(library, paint, model.timeframe));
    candles.applyOptions(candleOptions(paint, model));
    candles.setData(model.bars.map((bar) => ({ time: secondsOf(bar), ...candle(bar, paint) })));
    volume.setData(
      model.bars.map((bar) => ({
        time: secondsOf(bar),
        value: bar.volume,
        color: faded(bar.close >= bar.open ? paint.up : paint.down, 0.35),
      })),
    );
    for (const { name } of AVERAGES) {
      averages[name].applyOptions({ color: paint[name] });
      averages[name].setData(
        model.averages[name].flatMap((value, i) =>
          value === null ? [] : [{ time: secondsOf(model.bars[i]), value }],
        ),
      );
    }
    for (const line of lines) candles.removePriceLine(line);
    lines = model.lines.map((line) => candles.createPriceLine(lineOptions(library, paint, line)));
    lookAtTheLastBars();
  }

  // Once for each series: whoever has scrolled stays where they are.
  function lookAtTheLastBars() {
    const series = `${model.timeframe} ${model.bars[0]?.at} ${model.bars[0]?.close}`;
    if (series === shown) return;
    shown = series;
    const last = model.bars.length;
    chart.timeScale().setVisibleLogicalRange({ from: last - SHOWN_BARS, to: last + 6 });
  }

  return { draw, recolour: () => model && draw(model) };
}

const secondsOf = ({ at }) => at / 1000;

function chartOptions(library, paint, timeframe) {
  return {
    layout: {
      background: { type: "solid", color: "transparent" },
      textColor: paint.soft,
      attributionLogo: true,
      fontFamily: getComputedStyle(document.body).fontFamily,
      fontSize: 11,
    },
    grid: {
      vertLines: { color: faded(paint.line, 0.5) },
      horzLines: { color: faded(paint.line, 0.5) },
    },
    crosshair: { mode: library.CrosshairMode.Normal },
    rightPriceScale: { borderColor: paint.line },
    timeScale: { borderColor: paint.line, tickMarkFormatter: TICKS[timeframe] },
    localization: { timeFormatter: (time) => barTime(time * 1000, timeframe) },
  };
}

// Days are labels; hours are the exchange's, not those of UTC. Kinds are year, month, day, and from
// 3 on times of the day.
const TICKS = {
  "1d": (time, kind) => monthOrDay(time * 1000, kind),
  "1h": (time, kind) => (kind >= 3 ? minute(time * 1000) : day(time * 1000)),
};

function candleOptions(paint, { timeframe, lines }) {
  const plan = lines.filter(({ kind }) => PLAN.includes(kind)).map(({ price }) => price);
  return {
    upColor: paint.up,
    downColor: paint.down,
    borderUpColor: paint.up,
    borderDownColor: paint.down,
    wickUpColor: paint.up,
    wickDownColor: paint.down,
    priceLineColor: paint.soft,
    autoscaleInfoProvider: (original) =>
      timeframe === "1d" ? withPlan(original(), plan) : original(),
  };
}

const PLAN = ["entry", "stop", "target"];

// The plan is always in sight, though not of hours: it is drawn for days, and would flatten them.
function withPlan(info, plan) {
  if (!info || !plan.length) return info;
  const { minValue, maxValue } = info.priceRange;
  info.priceRange.minValue = Math.min(minValue, ...plan);
  info.priceRange.maxValue = Math.max(maxValue, ...plan);
  return info;
}

function candle(bar, paint) {
  const prices = { open: bar.open, high: bar.high, low: bar.low, close: bar.close };
  if (!bar.forming) return prices;
  const edge = bar.close >= bar.open ? paint.up : paint.down;
  return { ...prices, color: paint.panel, borderColor: edge, wickColor: edge };
}

function lineOptions(library, paint, { kind, price, title }) {
  const { Dashed, Dotted, Solid } = library.LineStyle;
  const plan = {
    entry: [paint.accent, Solid],
    stop: [paint.down, Dashed],
    target: [paint.up, Dashed],
  }[kind];
  if (plan)
    return {
      price,
      color: plan[0],
      lineWidth: 1,
      lineStyle: plan[1],
      axisLabelVisible: true,
      title,
    };
  return {
    price,
    color: faded(paint.turn, 0.7),
    lineWidth: 1,
    lineStyle: Dotted,
    axisLabelVisible: false,
  };
}
