// The small marks that mean the same wherever they stand: source, signal, score, trend, change.

import { h, mark, put } from "./dom.js";
import { DASH, arrow, known, number, percent, side } from "../model/format.js";

const SIGNS = { BUY: "▲", SELL: "▼", HOLD: "■" };
const TRENDS = { up: "↗", down: "↘", sideways: "→" };

// A source by its name, or the striped word that nobody can miss.
export function sourceChip(name) {
  const chip = h("span", { class: "chip", "data-field": name ?? "source" });
  return { node: chip, show: (source, simulated) => showSource(chip, source, simulated) };
}

function showSource(chip, source, simulated) {
  put(chip, simulated ? "SIMULATED" : (source ?? DASH));
  mark(chip, "data-value", source);
  mark(chip, "data-simulated", simulated);
  chip.classList.toggle("sim", simulated);
  mark(
    chip,
    "title",
    simulated
      ? "Simulated: made up by the deck, as no source could bring real prices"
      : source && `From ${source}`,
  );
}

export function signalBadge(signal, size = "") {
  const badge = h("span", { class: `badge ${size}` });
  showSignal(badge, signal);
  return badge;
}

export function showSignal(badge, signal) {
  mark(badge, "data-signal", signal ?? "none");
  put(badge, signal ? `${SIGNS[signal]} ${signal}` : DASH);
}

// A score from 0 to 100 as a bar that grows from the neutral 50 to either side, beside its number.
export function scoreBar() {
  const bar = h("i", {});
  const text = h("span", { class: "number" });
  const node = h(
    "span",
    { class: "score" },
    h("span", { class: "track", "aria-hidden": "true" }, bar),
    text,
  );
  return { node, show: (score, digits = 0) => showScore(node, bar, text, score, digits) };
}

function showScore(node, bar, text, score, digits) {
  put(text, number(score, digits));
  mark(node, "data-value", score);
  mark(node, "title", known(score) ? `Composite ${number(score, 2)} of 100; 50 is neutral` : null);
  bar.className = known(score) ? side(score - 50) : "";
  const away = known(score) ? Math.min(50, Math.abs(score - 50)) : 0;
  bar.style.width = `${away}%`;
  bar.style.left = `${known(score) && score < 50 ? 50 - away : 50}%`;
}

export const trendWords = (trend) => (trend ? `${TRENDS[trend]} ${trend}` : DASH);

// The trend as an arrow and a word; the style sheet takes the word away where there is no room.
export function showTrend(node, trend) {
  if (node.dataset.value === (trend ?? "none")) return;
  node.dataset.value = trend ?? "none";
  mark(node, "title", trend && `Trend: ${trend}`);
  node.replaceChildren(
    ...(trend ? [h("span", {}, TRENDS[trend]), h("span", { class: "word" }, trend)] : [DASH]),
  );
}

// A move in percent: sign, arrow and colour, so that no one of them is needed.
export function showChange(node, value) {
  put(node, known(value) ? `${arrow(value)} ${percent(value)}`.trim() : DASH);
  mark(node, "data-side", side(value));
  mark(node, "data-value", value);
}
