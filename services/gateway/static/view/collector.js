// The collector: start, stop, restart; counters; last and next run; its sources.

import { DASH, instant, moment, number, span } from "../model/format.js";
import { cliMenu } from "./cli.js";
import { Histories } from "./collector_history.js";
import { sourceLine } from "./collector_sources.js";
import { busyButton, field, h, mark, onChange, put } from "./dom.js";

const VERBS = ["start", "stop", "restart", "status", "fetch", "cache"];
const FEW = 4;
const COUNTERS = [
  ["tickers", "Tickers"],
  ["cached", "Cache entries"],
  ["events", "Events"],
  ["last-run", "Last run"],
  ["next-run", "Next run"],
];

export class Collector {
  constructor(root, actions) {
    this.root = root;
    this.buttons = {
      start: busyButton("start", "▶ Start", actions.start),
      stop: busyButton("stop", "■ Stop", actions.stop),
      restart: busyButton("restart", "↻ Restart", actions.restart),
    };
    this.state = h("p", { class: "state", "data-field": "collector", role: "status" }, "asking…");
    this.sources = h("ul", { class: "sources", "data-field": "sources" });
    this.histories = new Histories(actions);
    this.showSources = onChange((told, budgets, queues, seconds) => {
      const lines = told.map((source) => sourceLine(source, budgets, queues, seconds * 1000));
      this.sources.replaceChildren(...lines);
    });
    root.append(
      this.head(),
      h("dl", { class: "counters" }, ...COUNTERS.map(counter)),
      this.sources,
      h("p", { class: "soft cycle", "data-field": "cycle" }),
      this.histories.node,
    );
  }

  head() {
    const menu = cliMenu("Collector commands", () => VERBS.map((verb) => `./tapedeck ${verb}`));
    return h(
      "div",
      { class: "head" },
      h("h2", { id: "collector-title" }, "Collector"),
      this.state,
      h("div", { class: "buttons" }, ...Object.values(this.buttons), menu),
    );
  }

  show({ collector, seq, link }, now) {
    this.showButtons(collector);
    this.put("events", seq ? number(seq) : DASH);
    if (!collector) return;
    this.showState(collector, link.phase === "waiting");
    this.put("tickers", number(collector.tickers_tracked));
    this.put("cached", number(collector.cache_entries));
    this.showRun("last-run", instant(collector.last_run), now);
    this.showRun("next-run", instant(collector.next_run), now);
    const { sources, budgets, queues } = collector;
    this.showSources(sources, budgets, queues ?? [], Math.floor(now / 1000));
    this.put("cycle", cycleWords(collector.cycle));
    this.histories.show(collector, now);
  }

  put(name, text) {
    put(field(this.root, name), text);
  }

  showState({ running, fetching }, lost) {
    const word = !running ? "stopped" : fetching.length ? "collecting" : "running";
    const more = lost ? ", when last reached" : word === "collecting" ? ` ${few(fetching)}` : "";
    mark(this.state, "data-state", lost ? "lost" : word);
    mark(this.state, "title", fetching.length ? `Fetching ${fetching.join(", ")}` : null);
    put(this.state, word + more);
  }

  showButtons(collector) {
    const running = collector?.running ?? false;
    this.buttons.start.hidden = running;
    this.buttons.stop.hidden = !running;
    for (const one of Object.values(this.buttons)) one.disabled = collector === null;
  }

  showRun(name, at, now) {
    this.put(name, moment(at, now));
    this.put(`${name}-when`, at === null ? "" : fromNow((at - now) / 1000, name === "next-run"));
  }
}

const counter = ([name, title]) =>
  h(
    "div",
    {},
    h("dt", {}, title),
    h("dd", { "data-field": name }, DASH),
    h("dd", { class: "soft", "data-field": `${name}-when` }),
  );

const few = (tickers) =>
  tickers.length > FEW
    ? `${tickers.slice(0, FEW).join(", ")} and ${tickers.length - FEW} more`
    : tickers.join(", ");

function fromNow(seconds, due) {
  if (seconds > 0) return `in ${span(seconds)}`;
  return due ? "now" : `${span(-seconds)} ago`;
}

// What the last cycle could not bring, by its reasons.
function cycleWords(cycle) {
  if (!cycle) return "";
  const reasons = Map.groupBy(cycle.missing, ({ reason }) => reason);
  const lacking = [...reasons].map(
    ([reason, missing]) => `${few(missing.map(({ ticker }) => ticker))} (${reason})`,
  );
  const brought = `Last cycle brought ${cycle.brought} of ${cycle.asked}`;
  return lacking.length ? `${brought}; missing: ${lacking.join(", ")}.` : `${brought}.`;
}
