// The sources of the collector: how each fares, what its budget still holds, when it is tried next.

import { instant, moment, span } from "../model/format.js";
import { h } from "./dom.js";

const SHAPES = { ready: "●", limited: "◐", off: "○" };
const NEARLY_USED = 0.8;

export function sourceLine(source, budgets, queues, now) {
  const waiting = queues.filter((one) => one.source === source.source);
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
    waiting.length ? waits(waiting, now) : null,
  );
}

// What waits for a call, since when, and who is next: who asks goes first, then the protected.
function waits(queues, now) {
  const count = queues.reduce((sum, { waiting }) => sum + waiting, 0);
  const since = Math.min(...queues.map(({ oldest }) => instant(oldest)));
  const lanes = queues.map(({ lane, waiting, asked, first }) => {
    const wanted = asked ? `, ${asked} of them asked for` : "";
    return `${lane}: ${waiting}${wanted}; next ${first.join(", ")}`;
  });
  const text = `${count} waiting, the oldest for ${span(Math.max(0, now - since) / 1000)}`;
  return h("span", { class: "soft queue", "data-field": "queue", title: lanes.join("\n") }, text);
}

const unlimited = ({ source }) => (source === "simulated" ? "makes prices up" : "");

const ready = ({ streaming }) => (streaming?.length ? `ready, ${streaming.length} live` : "ready");

// When it is tried next comes first: the reason may be longer than there is room for.
function why(source, now) {
  const reason = source.reason || trying(source) || (source.usable ? ready(source) : "not used now");
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
