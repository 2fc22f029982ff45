// The head of the selected ticker: its name, price, move, source and age, and what can be done.

import { price, side, signed, span } from "../model/format.js";
import { ageSeconds, isStale } from "../model/rows.js";
import { showChange, sourceChip } from "./chips.js";
import { cliMenu } from "./cli.js";
import { h, mark, put } from "./dom.js";
import { removeButton } from "./remove_button.js";

const VERBS = ["analyze", "bars", "indicators", "levels", "snapshot", "fetch", "remove"];

export class TickerHead {
  constructor(actions, onBack) {
    this.title = h("h1", { id: "ticker-title", "data-field": "title" });
    this.price = h("b", { class: "price", "data-field": "price" });
    this.points = h("span", { class: "change", "data-field": "change-points" });
    this.change = h("span", { class: "change", "data-field": "change" });
    this.chip = sourceChip("source");
    this.age = h("span", { class: "soft", "data-field": "age" });
    this.fetch = h("button", { type: "button", "data-action": "fetch" }, "↻ Fetch");
    this.fetch.title = "Fetch this ticker now";
    this.fetch.addEventListener("click", () => actions.fetch(this.ticker));
    this.remove = removeButton(actions, "Remove");
    this.node = h("header", { class: "ticker-head" }, ...this.parts(onBack));
  }

  get ticker() {
    return this.title.textContent;
  }

  parts(onBack) {
    const back = h("a", { href: "#", class: "back" }, "← Watchlist");
    back.addEventListener("click", (event) => {
      event.preventDefault();
      onBack();
    });
    const commands = () => VERBS.map((verb) => `./tapedeck ${verb} ${this.ticker}`);
    const menu = cliMenu("This ticker as commands", commands);
    return [
      back,
      this.title,
      h("p", { class: "quote" }, this.price, " ", this.points, " ", this.change),
      h("p", { class: "about" }, this.chip.node, " ", this.age),
      h("div", { class: "buttons" }, this.fetch, this.remove.node, menu),
    ];
  }

  show(state, row, now) {
    const { ticker, quote } = state.detail;
    put(this.title, ticker);
    put(this.price, price(row?.price));
    mark(this.price, "data-value", row?.price);
    const before = quote?.previous_close ?? null;
    const points = row?.price && before ? row.price - before : null;
    put(this.points, points === null ? "" : signed(points));
    mark(this.points, "data-side", side(points));
    showChange(this.change, row?.changePercent);
    this.chip.show(row?.source ?? null, row?.simulated ?? false);
    this.showAge(row && ageSeconds(row, now), Boolean(row) && isStale(row, state, now));
    this.fetch.disabled = row === null;
    this.remove.node.hidden = row === null;
    this.remove.show(ticker, row?.protected ?? false);
  }

  showAge(seconds, stale) {
    const old = stale && seconds !== null;
    put(
      this.age,
      seconds === null ? "no price yet" : `${span(seconds)} old${old ? ", stale" : ""}`,
    );
    mark(this.age, "data-stale", old);
  }
}
