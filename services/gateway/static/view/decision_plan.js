// The plan of a decision with the sums behind each number, and what its odds may honestly claim.

import { planSide, sums } from "../model/decision_model.js";
import { dollars, number, price } from "../model/format.js";
import { part } from "./decision_part.js";
import { h } from "./dom.js";

const NO_PLAN = "There is no plan: the evidence does not suffice for levels.";
const NO_ODDS = "Nothing can be claimed without levels.";

const BOUND_BY = {
  risk_percent: "as many as the risk per trade allows",
  max_position_percent: "as many as the largest position allows",
  signal: "none: HOLD means no position",
};

const KINDS = {
  driftless: "By the distances alone: no calibration exists yet.",
  base_rate: "By how often any day gave it.",
  calibrated: "Calibrated on decided trades.",
};

export function planPart({ levels, position_sizing: sizing, signal }) {
  if (!levels) return part("Plan", h("p", { class: "soft" }, NO_PLAN));
  const side = planSide(levels);
  const title = signal === "HOLD" ? `Plan, were it a ${side}` : `Plan to ${side}`;
  const rows = [...levelRows(levels), ...(sizing ? sizeRows(levels, sizing) : [])];
  return part(title, h("dl", { class: "plan" }, ...rows.flatMap(row)));
}

// Each row is its title, its field, the value as told, in words, and the sum behind it.
function levelRows(levels) {
  const { entry, stop, target, r_r_ratio: ratio } = levels;
  return [
    ["Entry", "entry", entry, price(entry), "the close it was decided on"],
    ["Stop", "stop", stop, price(stop), levels.stop_source],
    ["Target", "target", target, price(target), levels.target_source],
    ["Reward : risk", "r_r_ratio", ratio, number(ratio, 2), ratioSum(levels)],
  ];
}

function ratioSum({ entry, stop, target }) {
  const away = (a, b) => `(${price(Math.max(a, b))} − ${price(Math.min(a, b))})`;
  const [reward, risk] = [Math.abs(target - entry), Math.abs(entry - stop)];
  return `${away(target, entry)} ÷ ${away(entry, stop)} = ${price(reward)} ÷ ${price(risk)}`;
}

function sizeRows(levels, sizing) {
  const { shares, position_value: position, risk_dollars: risk, binding } = sizing;
  const size = ["Size", "shares", shares, `${number(shares)} shares`, BOUND_BY[binding]];
  if (!shares) return [size];
  const { potential_profit: profit } = sizing;
  const known = sums(levels, sizing);
  const each = (value) => `${number(shares)} × ${price(value)}`;
  const costs = (value) => `${dollars(value)} slippage and commission`;
  const lost = `${each(known.risk)} + ${costs(known.riskCosts)}`;
  const won = `${each(known.reward)} − ${costs(known.rewardCosts)}`;
  return [
    size,
    ["Position", "position_value", position, dollars(position), each(levels.entry)],
    ["Risk", "risk_dollars", risk, dollars(risk), lost],
    ["Profit", "potential_profit", profit, dollars(profit), won],
  ];
}

const row = ([title, name, value, text, sum]) => [
  h("dt", {}, title),
  h("dd", { class: "number", "data-field": name, "data-value": value }, text),
  h("dd", { class: "soft sum" }, sum),
];

// A probability never stands alone: its sentence says what the trade needs, and what any day gives.
export function oddsPart({ probability }) {
  if (!probability) return part("Odds", h("p", { class: "soft" }, NO_ODDS));
  const { percent, breakeven_percent: needed, verdict, kind } = probability;
  const claim = { class: "claim", "data-field": "probability", "data-value": percent };
  return part(
    "Odds",
    h("p", claim, sentence(verdict)),
    h(
      "div",
      { class: "odds", "aria-hidden": "true" },
      h("i", { class: "chance", style: `width:${percent}%` }),
      h("i", { class: "needed", style: `left:${needed}%` }),
    ),
    h(
      "p",
      { class: "odds-key soft", "aria-hidden": "true" },
      h("span", {}, `chance ${number(percent, 1)} in 100`),
      h("span", {}, `needed ${number(needed, 1)} ▏`),
    ),
    h("p", { class: "soft" }, KINDS[kind] ?? kind),
  );
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`.replace(/\.\.$/, ".");
