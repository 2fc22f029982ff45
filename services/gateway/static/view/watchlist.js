// The watchlist: a row for each tracked ticker that matches what is typed, in the order wanted.

import { isStale } from "../model/rows.js";
import { fill, h } from "./dom.js";
import { COLUMNS, columnHead, sorted } from "./watchlist_columns.js";
import { Row } from "./watchlist_row.js";

export class Watchlist {
  constructor(root, { actions, onSort, onOpen }) {
    this.actions = actions;
    this.onOpen = onOpen;
    this.rows = new Map();
    this.heads = COLUMNS.map((column) => columnHead(column, onSort));
    this.body = h("tbody", {});
    this.empty = h("p", { class: "empty", "data-field": "empty", hidden: true });
    const last = h("th", {}, h("span", { class: "unseen" }, "Remove"));
    const head = h("thead", {}, h("tr", {}, ...this.heads.map(({ node }) => node), last));
    root.append(h("table", { class: "rows" }, head, this.body), this.empty);
  }

  show(state, route, wanted, now) {
    const tracked = [...(state.rows?.values() ?? [])];
    const shown = sorted(
      tracked.filter((row) => row.ticker.includes(wanted)),
      route,
    );
    const fetching = state.collector?.fetching ?? [];
    for (const row of shown) {
      this.rowOf(row.ticker).show(row, {
        now,
        stale: isStale(row, state, now),
        fetching: fetching.includes(row.ticker),
        selected: row.ticker === state.detail.ticker,
      });
    }
    for (const ticker of this.rows.keys()) if (!state.rows?.has(ticker)) this.rows.delete(ticker);
    fill(
      this.body,
      shown.map((row) => this.rowOf(row.ticker).node),
    );
    for (const head of this.heads) head.show(route);
    this.showEmpty(emptyWords(state.rows && tracked, wanted, shown.length));
  }

  rowOf(ticker) {
    if (!this.rows.has(ticker)) this.rows.set(ticker, new Row(ticker, this.actions, this.onOpen));
    return this.rows.get(ticker);
  }

  // The tickers in the order in which they are shown.
  order() {
    return [...this.body.children].map((row) => row.dataset.ticker);
  }

  link(ticker) {
    return this.rows.get(ticker)?.link;
  }

  showEmpty([text, command]) {
    this.empty.hidden = !text;
    if (this.empty.dataset.text === text) return;
    this.empty.dataset.text = text;
    this.empty.replaceChildren(text, command ? h("code", {}, command) : "");
  }
}

// What stands below the rows where there are none, or none but the protected ones.
function emptyWords(tracked, wanted, count) {
  if (tracked === null) return ["Waiting for the deck…", ""];
  if (wanted) return [count ? "" : `No tracked ticker matches ${wanted}. Enter adds it.`, ""];
  if (!tracked.every((row) => row.protected)) return ["", ""];
  return [
    "Add what you want to watch: type a ticker above and press Enter, or ",
    "./tapedeck add AAPL",
  ];
}
