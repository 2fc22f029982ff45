// One row of the watchlist, patched in place.

import { DASH, number, price, span, words } from "../model/format.js";
import { ageSeconds, isKnown } from "../model/rows.js";
import { scoreBar, showChange, showSignal, showTrend, sourceChip } from "./chips.js";
import { h, mark, put } from "./dom.js";
import { removeButton } from "./remove_button.js";
import { COLUMNS } from "./watchlist_columns.js";

const OVERBOUGHT = 70;
const OVERSOLD = 30;

export class Row {
  constructor(ticker, actions, onOpen) {
    this.ticker = ticker;
    this.link = h("a", { href: `#${encodeURIComponent(ticker)}`, class: "ticker" }, ticker);
    this.note = h("span", { class: "note" });
    this.badge = h("span", { class: "badge" });
    this.score = scoreBar();
    this.chip = sourceChip("chip");
    this.remove = removeButton(actions);
    this.cells = Object.fromEntries(COLUMNS.map((column) => [column.name, cell(column)]));
    this.node = this.assembled();
    this.node.addEventListener("click", (event) => this.clicked(event, onOpen));
  }

  assembled() {
    const { cells } = this;
    cells.ticker.append(this.link, this.note);
    cells.signal.append(this.badge);
    cells.score.append(this.score.node);
    cells.source.append(this.chip.node);
    const act = h("td", { class: "act" }, this.remove.node);
    return h("tr", { "data-ticker": this.ticker }, ...Object.values(cells), act);
  }

  // The whole row opens the ticker; its link may also be opened elsewhere, as links can.
  clicked(event, onOpen) {
    if (event.target.closest("button") || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    onOpen(this.ticker);
  }

  show(row, { now, stale, fetching, selected }) {
    mark(this.node, "data-simulated", row.simulated);
    mark(this.node, "data-stale", stale);
    mark(this.node, "data-known", isKnown(row));
    mark(this.node, "aria-selected", selected);
    this.showPrice(row);
    this.showReadings(row);
    this.showDecision(row);
    this.showAge(ageSeconds(row, now), stale);
    this.chip.show(row.source, row.simulated);
    mark(this.cells.source, "data-value", row.source);
    put(this.note, noteOf(row, fetching));
    mark(this.note, "title", row.refusal?.message);
    this.remove.show(this.ticker, row.protected);
  }

  showPrice(row) {
    put(this.cells.price, price(row.price));
    mark(this.cells.price, "data-value", row.price);
    flash(this.cells.price, row.moved);
    showChange(this.cells.change, row.changePercent);
  }

  showReadings({ rsi, trend }) {
    put(this.cells.rsi, number(rsi, 1));
    mark(this.cells.rsi, "data-value", rsi);
    const low = rsi !== null && rsi <= OVERSOLD;
    mark(this.cells.rsi, "data-zone", rsi >= OVERBOUGHT ? "high" : low ? "low" : null);
    showTrend(this.cells.trend, trend);
  }

  showDecision({ signal, composite }) {
    showSignal(this.badge, signal);
    mark(this.cells.signal, "data-value", signal);
    this.score.show(composite);
    mark(this.cells.score, "data-value", composite);
  }

  showAge(seconds, stale) {
    const old = stale && seconds !== null;
    put(this.cells.age, seconds === null ? DASH : span(seconds));
    mark(this.cells.age, "title", old ? "Older than the cache's time to live" : null);
    mark(this.cells.age, "data-value", seconds === null ? null : Math.floor(seconds));
  }
}

const cell = ({ name, numeric }) =>
  h("td", { "data-field": name, class: numeric ? "numeric" : null });

// What a row without a price says instead of it.
function noteOf(row, fetching) {
  if (row.price !== null) return "";
  if (row.refusal) return `${row.refusal.source}: ${words(row.refusal.reason)}`;
  return fetching ? "fetching…" : "waiting for its first price";
}

// A price that moved is lit for a moment, in the direction of its move.
function flash(node, moved) {
  if (!moved || node.dataset.moved === String(moved.seq)) return;
  node.dataset.moved = moved.seq;
  node.classList.remove("rose", "fell");
  void node.offsetWidth; // lets the same animation begin again
  node.classList.add(moved.by >= 0 ? "rose" : "fell");
}
