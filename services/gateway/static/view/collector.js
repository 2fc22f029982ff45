// The collector: start, stop, restart; counters; last and next run; each source with its budget.

import { cliMenu } from "./cli.js";
import { field, h, mark, onChange, put } from "./dom.js";
import { DASH, instant, moment, number, span } from "../model/format.js";

const COMMANDS = ["start", "stop", "restart", "status", "fetch", "cache"].map(
  (verb) => `./tapedeck ${verb}`,
);

export function createCollector(root, actions) {
  const buttons = {
    start: button("start", "▶ Start", actions.start),
    stop: button("stop", "■ Stop", actions.stop),
    restart: button("restart", "↻ Restart", actions.restart),
  };
  const sources = h("ul", { class: "sources", "data-field": "sources" });
  root.append(
    h("div", { class: "head" },
      h("h2", { id: "collector-title" }, "Collector"),
      h("p", { class: "state", "data-field": "collector", role: "status" }, "asking…"),
      h("div", { class: "buttons" }, ...Object.values(buttons), cliMenu("Collector commands", () => COMMANDS)),
    ),
    h("dl", { class: "counters" }, ...[
      ["tickers", "Tickers"], ["cached", "Cache entries"], ["events", "Events"],
      ["last-run", "Last run"], ["next-run", "Next run"],
    ].map(([name, title]) => h("div", {}, h("dt", {}, title), h("dd", { "data-field": name }, DASH),
      h("dd", { class: "soft", "data-field": `${name}-when` })))),
    sources,
    h("p", { class: "soft cycle", "data-field": "cycle" }),
  );
  const showSources = onChange((told, budgets, at) => {
    sources.replaceChildren(...told.map((source) => sourceLine(source, budgets, at)));
  });

  return (state, now) => {
    const { collector } = state;
    showState(field(root, "collector"), collector, state.link.phase === "waiting");
    showButtons(buttons, collector);
    put(field(root, "events"), state.seq ? number(state.seq) : DASH);
    if (!collector) return;
    put(field(root, "tickers"), number(collector.tickers_tracked));
    put(field(root, "cached"), number(collector.cache_entries));
    showRun(root, "last-run", instant(collector.last_run), now);
    showRun(root, "next-run", instant(collector.next_run), now);
    showSources(collector.sources, collector.budgets, Math.floor(now / 1000));
    put(field(root, "cycle"), cycleWords(collector.cycle));
  };
}

const button = (name, text, act) => h("button", {
  type: "button", "data-action": name, onclick: async ({ currentTarget }) => {
    mark(currentTarget, "aria-busy", true);
    await act();
    mark(currentTarget, "aria-busy", false);
  },
}, text);

function showState(node, collector, lost) {
  if (!collector) return;
  const { running, fetching } = collector;
  const word = !running ? "stopped" : fetching.length ? "collecting" : "running";
  mark(node, "data-state", lost ? "lost" : word);
  mark(node, "title", fetching.length ? `Fetching ${fetching.join(", ")}` : null);
  const more = lost ? ", when last reached" : word === "collecting" ? ` ${fetchingWords(fetching)}` : "";
  put(node, word + more);
}

const fetchingWords = (tickers) =>
  tickers.length > 2 ? `${tickers.slice(0, 2).join(", ")} and ${tickers.length - 2} more` : tickers.join(", ");

function showButtons(buttons, collector) {
  const running = collector?.running ?? false;
  buttons.start.hidden = running;
  buttons.stop.hidden = !running;
  for (const one of Object.values(buttons)) one.disabled = collector === null;
}

function showRun(root, name, at, now) {
  put(field(root, name), moment(at, now));
  const seconds = at === null ? null : (at - now) / 1000;
  const words = seconds === null ? "" : seconds > 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
  put(field(root, `${name}-when`), name === "next-run" && seconds <= 0 && at !== null ? "now" : words);
}

// One source: its state in a sign and a word, its budget as a bar, why it rests and until when.
function sourceLine(source, budgets, seconds) {
  const budget = budgets.find((one) => one.source === source.source);
  const again = instant(source.retry_at);
  const why = source.reason || (source.usable ? "ready" : "not used now");
  const state = !source.usable ? "off" : source.reason ? "limited" : "ready";
  const wait = again ? `next try ${moment(again, seconds * 1000)}` : "";
  return h("li", { "data-source": source.source, "data-state": state },
    h("span", { class: "shape", "aria-hidden": "true" }, { ready: "●", limited: "◐", off: "○" }[state]),
    h("b", { class: source.source === "simulated" ? "sim-text" : "" }, source.source),
    budget ? budgetBar(budget) : h("span", { class: "soft budget" }, noBudget(source)),
    h("span", { class: "soft why", title: why }, wait ? h("b", {}, wait) : null, wait ? ` · ${why}` : why));
}

const noBudget = ({ source }) => (source === "simulated" ? "makes prices up" : "");

function budgetBar({ used, limit, window_seconds: window }) {
  const text = `${used}/${limit}`;
  return h("span", { class: "budget", title: `${text} calls in the last ${window} seconds` },
    h("meter", { min: 0, max: limit, high: limit * 0.8, value: used, "aria-label": `${text} calls in the last ${window} s` }),
    h("span", { class: "number", "data-field": "budget", "data-value": used }, text));
}

function cycleWords(cycle) {
  if (!cycle) return "";
  const lacking = cycle.missing.map(({ ticker, reason }) => `${ticker} (${reason})`).join(", ");
  return `Last cycle brought ${cycle.brought} of ${cycle.asked}${lacking ? `; missing: ${lacking}` : ""}.`;
}
