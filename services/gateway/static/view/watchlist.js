// The watchlist: a row for each tracked ticker, patched in place as events arrive.

import { lockedBecause } from "./actions.js";
import { scoreBar, showChange, showSignal, showTrend, sourceChip } from "./chips.js";
import { fill, h, mark, put } from "./dom.js";
import { ICONS } from "./icons.js";
import { DASH, number, price, span } from "../model/format.js";
import { ageSeconds, isKnown, isStale } from "../model/state.js";

const SIGNALS = { BUY: 2, HOLD: 1, SELL: 0 };
const TRENDS = { up: 2, sideways: 1, down: 0 };

// What each column sorts by; `first` says which end is wanted at the first click.
const COLUMNS = [
  { name: "ticker", title: "Ticker", by: (row) => row.ticker },
  { name: "price", title: "Price", by: (row) => row.price, first: "-", numeric: true },
  { name: "change", title: "Change", by: (row) => row.changePercent, first: "-", numeric: true,
    hint: "Against the previous close" },
  { name: "rsi", title: "RSI", by: (row) => row.rsi, first: "-", numeric: true,
    hint: "Relative strength over 14 closed daily bars" },
  { name: "trend", title: "Trend", by: (row) => TRENDS[row.trend], first: "-" },
  { name: "signal", title: "Signal", by: (row) => SIGNALS[row.signal], first: "-" },
  { name: "score", title: "Score", by: (row) => row.composite, first: "-",
    hint: "Composite of all components: 0 sell, 50 neutral, 100 buy" },
  { name: "source", title: "Source", by: (row) => (row.simulated ? "~" : row.source) },
  { name: "age", title: "Age", by: (row) => row.knownAt, first: "-", numeric: true,
    hint: "Since the price came" },
];

export function createWatchlist(root, { actions, onSort, onOpen }) {
  const heads = COLUMNS.map((column) => head(column, onSort));
  const body = h("tbody", {});
  const empty = h("p", { class: "empty", "data-field": "empty", hidden: true });
  root.append(
    h("table", { class: "rows" },
      h("thead", {}, h("tr", {}, ...heads, h("th", {}, h("span", { class: "unseen" }, "Remove")))),
      body),
    empty,
  );
  const rows = new Map();
  const rowOf = (ticker) => {
    if (!rows.has(ticker)) rows.set(ticker, createRow(ticker, actions, onOpen));
    return rows.get(ticker);
  };

  return {
    show(state, route, wanted, now) {
      const shown = sorted(matching(state.rows, wanted), route);
      const { fetching = [] } = state.collector ?? {};
      for (const row of shown) {
        rowOf(row.ticker).show(row, {
          now, stale: isStale(row, state, now), fetching: fetching.includes(row.ticker),
          selected: row.ticker === state.detail.ticker,
        });
      }
      for (const ticker of rows.keys()) if (!state.rows?.has(ticker)) rows.delete(ticker);
      fill(body, shown.map((row) => rowOf(row.ticker).node));
      heads.forEach((node, i) => showSort(node, COLUMNS[i], route));
      showEmpty(empty, state, wanted, shown.length);
    },
    // The tickers in the order in which they are shown.
    order: () => [...body.children].map((row) => row.dataset.ticker),
    link: (ticker) => rows.get(ticker)?.link,
  };
}

const matching = (rows, wanted) =>
  [...(rows?.values() ?? [])].filter((row) => row.ticker.includes(wanted));

// Rows that lack the value come last, whichever way the others go.
function sorted(rows, { sort, descending }) {
  const column = COLUMNS.find(({ name }) => name === sort);
  if (!column) return rows;
  const way = descending ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [left, right] = [column.by(a) ?? null, column.by(b) ?? null];
    if (left === null || right === null) return (left === null) - (right === null);
    return way * (left < right ? -1 : left > right ? 1 : 0);
  });
}

function head(column, onSort) {
  const button = h("button", { type: "button", "data-sort": column.name, title: column.hint,
    onclick: () => onSort(column.name, column.first === "-") }, column.title,
  h("span", { class: "way", "aria-hidden": "true" }));
  return h("th", { scope: "col", class: column.numeric ? "numeric" : "", "data-column": column.name }, button);
}

function showSort(node, column, { sort, descending }) {
  const way = sort !== column.name ? "none" : descending ? "descending" : "ascending";
  mark(node, "aria-sort", way);
  put(node.querySelector(".way"), { none: "", ascending: "▴", descending: "▾" }[way]);
}

function showEmpty(node, state, wanted, count) {
  const few = state.rows !== null && !wanted && [...state.rows.values()].every((row) => row.protected);
  node.hidden = !(few || count === 0);
  const text = state.rows === null
    ? "Waiting for the deck…"
    : wanted && !count
      ? `No tracked ticker matches ${wanted}. Enter adds it.`
      : few ? "Add what you want to watch: type a ticker above and press Enter, or " : "";
  if (node.dataset.text === text) return;
  node.dataset.text = text;
  node.replaceChildren(text, few && !wanted ? h("code", {}, "./tapedeck add AAPL") : "");
}

// --- one row -----------------------------------------------------------------------------------

function createRow(ticker, actions, onOpen) {
  const link = h("a", { href: `#${encodeURIComponent(ticker)}`, class: "ticker" }, ticker);
  const cells = Object.fromEntries(
    COLUMNS.map(({ name, numeric }) => [name, h("td", { "data-field": name, class: numeric ? "numeric" : "" })]),
  );
  const chip = sourceChip("chip");
  const score = scoreBar();
  const badge = h("span", { class: "badge" });
  const note = h("span", { class: "note" });
  const remove = h("button", { type: "button", class: "quiet remove" });
  cells.ticker.append(link, note);
  cells.source.append(chip.node);
  cells.score.append(score.node);
  cells.signal.append(badge);
  const node = h("tr", { "data-ticker": ticker, onclick: (event) => {
    if (!event.target.closest("a, button")) onOpen(ticker);
  } }, ...Object.values(cells), h("td", { class: "act" }, remove));
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    onOpen(ticker);
  });
  let locked = false;
  remove.addEventListener("click", () => (locked ? actions.locked(ticker) : actions.remove(ticker)));

  function show(row, { now, stale, fetching, selected }) {
    const age = ageSeconds(row, now);
    mark(node, "data-simulated", row.simulated);
    mark(node, "data-stale", stale);
    mark(node, "data-known", isKnown(row));
    mark(node, "aria-selected", selected);
    put(cells.price, price(row.price));
    mark(cells.price, "data-value", row.price);
    flash(cells.price, row.moved);
    showChange(cells.change, row.changePercent);
    put(cells.rsi, number(row.rsi, 1));
    mark(cells.rsi, "data-value", row.rsi);
    mark(cells.rsi, "data-zone", row.rsi >= 70 ? "high" : row.rsi !== null && row.rsi <= 30 ? "low" : null);
    showTrend(cells.trend, row.trend);
    showSignal(badge, row.signal);
    mark(cells.signal, "data-value", row.signal);
    score.show(row.composite);
    mark(cells.score, "data-value", row.composite);
    chip.show(row.source, row.simulated);
    mark(cells.source, "data-value", row.source);
    put(cells.age, age === null ? DASH : span(age));
    mark(cells.age, "title", stale && age !== null ? "Older than the cache's time to live" : null);
    mark(cells.age, "data-value", age === null ? null : Math.floor(age));
    put(note, noteOf(row, fetching));
    mark(note, "title", row.refusal?.message ?? null);
    showRemove(row);
  }

  function showRemove(row) {
    locked = row.protected;
    if (remove.dataset.action !== (locked ? "locked" : "remove")) {
      remove.dataset.action = locked ? "locked" : "remove";
      remove.replaceChildren(ICONS[remove.dataset.action]());
    }
    mark(remove, "aria-disabled", locked);
    const label = locked ? lockedBecause(ticker) : `Stop tracking ${ticker}`;
    mark(remove, "title", label);
    mark(remove, "aria-label", label);
  }

  return { node, link, show };
}

// What a row without a price says instead of it.
function noteOf(row, fetching) {
  if (row.price !== null) return "";
  if (row.refusal) return `${row.refusal.source}: ${row.refusal.reason.replaceAll("_", " ")}`;
  return fetching ? "fetching…" : "waiting for its first price";
}

// A price that moved is lit for a moment, in the direction of its move.
function flash(cell, moved) {
  if (!moved || cell.dataset.moved === String(moved.seq)) return;
  cell.dataset.moved = moved.seq;
  cell.classList.remove("rose", "fell");
  void cell.offsetWidth; // lets the same animation begin again
  cell.classList.add(moved.by >= 0 ? "rose" : "fell");
}
