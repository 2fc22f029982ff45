// The columns of the watchlist: their heads, and what each is sorted by.

import { h, mark, put } from "./dom.js";

const SIGNALS = { BUY: 2, HOLD: 1, SELL: 0 };
const TRENDS = { up: 2, sideways: 1, down: 0 };

// `by` is the value to sort by; `down` says that the largest is wanted first.
export const COLUMNS = [
  { name: "ticker", title: "Ticker", by: (row) => row.ticker },
  { name: "price", title: "Price", by: (row) => row.price, down: true, numeric: true },
  {
    name: "change",
    title: "Change",
    by: (row) => row.changePercent,
    down: true,
    numeric: true,
    hint: "Against the previous close",
  },
  {
    name: "rsi",
    title: "RSI",
    by: (row) => row.rsi,
    down: true,
    numeric: true,
    hint: "Relative strength over 14 closed daily bars",
  },
  { name: "trend", title: "Trend", by: (row) => TRENDS[row.trend], down: true },
  { name: "signal", title: "Signal", by: (row) => SIGNALS[row.signal], down: true },
  {
    name: "score",
    title: "Score",
    by: (row) => row.composite,
    down: true,
    hint: "Composite of all components: 0 sell, 50 neutral, 100 buy",
  },
  { name: "source", title: "Source", by: (row) => (row.simulated ? "~" : row.source) },
  {
    name: "age",
    title: "Age",
    by: (row) => row.knownAt,
    down: true,
    numeric: true,
    hint: "Since the price came",
  },
];

// The head of a column; `show` says by which column and which way the rows are sorted.
export function columnHead({ name, title, hint, numeric, down = false }, onSort) {
  const way = h("span", { class: "way", "aria-hidden": "true" });
  const button = h("button", { type: "button", "data-sort": name, title: hint }, title, way);
  button.addEventListener("click", () => onSort(name, down));
  const kind = numeric ? "numeric" : null;
  const node = h("th", { scope: "col", class: kind, "data-column": name }, button);
  return {
    node,
    show({ sort, descending }) {
      const order = sort !== name ? "none" : descending ? "descending" : "ascending";
      mark(node, "aria-sort", order);
      put(way, { none: "", ascending: "▴", descending: "▾" }[order]);
    },
  };
}

// Rows that lack the value come last, whichever way the others go.
export function sorted(rows, { sort, descending }) {
  const column = COLUMNS.find(({ name }) => name === sort);
  if (!column) return rows;
  const way = descending ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [left, right] = [column.by(a) ?? null, column.by(b) ?? null];
    if (left === null || right === null) return (left === null) - (right === null);
    return way * (left < right ? -1 : left > right ? 1 : 0);
  });
}
