// The sources of the collector: how each fares, what its budget still holds, when it is tried next.

import { instant, moment } from "../model/format.js";
import { h } from "./dom.js";

const SHAPES = { ready: "●", limited: "◐", off: "○" };
const NEARLY_USED = 0.8;

export function sourceLine(source, budgets, now) {
  const budget = budgets.find((one) => one.source === source.source);
  const state = !source.usable ? "off" : source.reason || trying(source) ? "limited" : "ready";
  const name = h("b", { class: source.source === "simulated" ? "sim-text" : null }, source.source);
  return h(
    "li",
    { "data-source": source.source, "data-state": state },
    h("span", { class: "shape", "aria-hidden": "true" }, SHAPES[state]),
    name,
    budget ? budgetBar(budget) : h("span", { class: "soft budget" }, unlimited(source)),
    why(source, now),
  );
}

const unlimited = ({ source }) => (source === "simulated" ? "makes prices up" : "");

// When it is tried next comes first: the reason may be longer than there is room for.
function why(source, now) {
  const reason = source.reason || trying(source) || (source.usable ? "ready" : "not used now");
  if (!source.retry_at) return h("span", { class: "soft why", title: reason }, reason);
  const next = h("b", {}, `next try ${moment(instant(source.retry_at), now)}`);
  return h("span", { class: "soft why", title: reason }, next, ` · ${reason}`);
}

// A breaker that is half open lets one call at a time through, until one is answered.
function trying({ capabilities }) {
  const tried = (capabilities ?? []).filter(({ state }) => state === "half_open");
  const words = tried.map(({ capability, reason }) => `${capability}: tried again after: ${reason}`);
  return words.join("; ");
}

function budgetBar({ used, limit, window_seconds: seconds, reserve, declared }) {
  const text = `${used}/${limit}`;
  const kept = reserve ? `; the last ${reserve} are kept for who asks` : "";
  const lowered = limit < declared ? `; ${declared} before it throttled us` : "";
  const meaning = `${text} calls in the last ${seconds} seconds${kept}${lowered}`;
  const high = limit * NEARLY_USED;
  return h(
    "span",
    { class: "budget", title: meaning },
    h("meter", { min: 0, max: limit, high, value: used, "aria-label": meaning }),
    h("span", { class: "number", "data-field": "budget", "data-value": used }, text),
  );
}
