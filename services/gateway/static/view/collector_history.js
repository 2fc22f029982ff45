// The histories: how far their back-fills have come, which can be cancelled and gone on with; the
// days that have not come, the symbols that are not listed.

import { instant, moment } from "../model/format.js";
import { busyButton, h, onChange } from "./dom.js";

const FEW = 6;

export class Histories {
  constructor(actions) {
    this.actions = actions;
    this.node = h("div", { class: "cycle", "data-field": "history", hidden: true });
    this.fill = onChange((told, tickers, minutes) => {
      const lines = this.lines(JSON.parse(told), tickers, minutes * 60_000);
      this.node.hidden = lines.length === 0;
      this.node.replaceChildren(...lines);
    });
  }

  // Filled anew only where something is told otherwise, so that a button stays where it is.
  show({ backfills = [], settling = [], listings = [], tickers_tracked: tickers }, now) {
    const told = JSON.stringify({ backfills, settling, listings });
    this.fill(told, tickers, Math.floor(now / 60_000));
  }

  lines({ backfills, settling, listings }, tickers, now) {
    const jobs = backfills.slice(0, FEW).map((one) => this.job(one));
    const rest = backfills.length - jobs.length;
    if (rest > 0) jobs.push(h("li", { class: "soft" }, `and ${rest} more: ./tapedeck jobs`));
    return [
      ...bar(backfills, tickers),
      ...list("jobs", jobs),
      ...list("listings", listings.map(listing)),
      ...list("settling", settling.map((one) => late(one, now))),
    ];
  }

  job({ ticker, done, of, waits_for: waits, cancelled }) {
    const words = `${ticker}: ${done} of ${of}, ${cancelled ? "cancelled" : "waits for"} `;
    const act = cancelled
      ? busyButton("resume", "Go on", () => this.actions.fetch(ticker))
      : busyButton("cancel", "Cancel", () => this.actions.cancel(`backfill.${ticker}`));
    act.setAttribute("aria-label", `${act.textContent}: history of ${ticker}`);
    return h("li", { "data-job": `backfill.${ticker}` }, words, waits.join(", "), " ", act);
  }
}

const list = (name, items) =>
  items.length ? [h("ul", { class: "jobs", "data-field": name }, items)] : [];

// How far the first fetch of every ticker's history has come, but for those that were cancelled.
function bar(backfills, tickers) {
  const left = backfills.filter(({ cancelled }) => !cancelled);
  if (!left.length) return [];
  const max = left[0].of * (tickers - (backfills.length - left.length));
  const value = max - left.reduce((sum, { done, of }) => sum + of - done, 0);
  const text = `History: ${value} of ${max}.`;
  return [h("p", { class: "soft" }, h("progress", { max, value, "aria-label": text }), ` ${text}`)];
}

const listing = ({ ticker, state, because }) =>
  h(
    "li",
    { "data-listing": state },
    h("b", {}, ticker),
    ` is ${state}: ${because}. Asked once a day.`,
  );

function late({ ticker, day, times, retry_at: again }, now) {
  const next = again ? `asked again ${moment(instant(again), now)}` : "given up until the next cycle";
  return h("li", { class: "soft" }, `${ticker}: ${day} has not come, ${times} times; ${next}.`);
}
