// The plan of a decision with the sums behind each number, and what its odds may honestly claim.

import { h } from "./dom.js";
import { dollars, number, price } from "../model/format.js";
import { planSide, sums } from "../model/decision_model.js";

const BOUND_BY = {
  risk_percent: "as many as the risk per trade allows",
  max_position_percent: "as many as the largest position allows",
  signal: "none: HOLD means no position",
};

export function planPart(decision) {
  const { levels, position_sizing: sizing, signal } = decision;
  if (!levels) return section("Plan", h("p", { class: "soft" }, "There is no plan: the evidence does not suffice for levels."));
  const side = planSide(levels);
  const title = signal === "HOLD" ? `Plan, were it a ${side}` : `Plan to ${side}`;
  const known = sums(levels, sizing ?? { shares: 0, risk_dollars: 0, potential_profit: 0 });
  const up = side === "BUY";
  const [a, b] = up ? ["entry", "stop"] : ["stop", "entry"];
  const [c, d] = up ? ["target", "entry"] : ["entry", "target"];
  return section(title, h("dl", { class: "plan" },
    ...row("Entry", "entry", price(levels.entry), levels.entry, "the close it was decided on"),
    ...row("Stop", "stop", price(levels.stop), levels.stop, levels.stop_source),
    ...row("Target", "target", price(levels.target), levels.target, levels.target_source),
    ...row("Reward : risk", "r_r_ratio", number(levels.r_r_ratio, 2), levels.r_r_ratio,
      `(${price(levels[c])} − ${price(levels[d])}) ÷ (${price(levels[a])} − ${price(levels[b])})`
      + ` = ${price(known.reward)} ÷ ${price(known.risk)}`),
    ...(sizing ? sizeRows(levels, sizing, known) : [])));
}

function sizeRows(levels, sizing, known) {
  const { shares } = sizing;
  if (!shares) return row("Size", "shares", "0 shares", 0, BOUND_BY[sizing.binding]);
  const per = (value, costs, sign) =>
    `${number(shares)} × ${price(value)} ${sign} ${dollars(costs)} slippage and commission`;
  return [
    ...row("Size", "shares", `${number(shares)} shares`, shares, BOUND_BY[sizing.binding]),
    ...row("Position", "position_value", dollars(sizing.position_value), sizing.position_value,
      `${number(shares)} × ${price(levels.entry)}`),
    ...row("Risk", "risk_dollars", dollars(sizing.risk_dollars), sizing.risk_dollars,
      per(known.risk, known.riskCosts, "+")),
    ...row("Profit", "potential_profit", dollars(sizing.potential_profit), sizing.potential_profit,
      per(known.reward, known.rewardCosts, "−")),
  ];
}

const row = (title, name, text, value, sum) => [
  h("dt", {}, title),
  h("dd", { class: "number", "data-field": name, "data-value": value }, text),
  h("dd", { class: "soft sum" }, sum),
];

const KINDS = {
  driftless: "By the distances alone: no calibration exists yet.",
  base_rate: "By how often any day gave it.",
  calibrated: "Calibrated on decided trades.",
};

// A probability never stands alone: its sentence says what the trade needs, and what any day gives.
export function oddsPart({ probability }) {
  if (!probability) return section("Odds", h("p", { class: "soft" }, "Nothing can be claimed without levels."));
  const { percent, breakeven_percent: needed, verdict, kind } = probability;
  return section("Odds",
    h("p", { class: "verdict-sentence", "data-field": "probability", "data-value": percent }, sentence(verdict)),
    h("div", { class: "odds", "aria-hidden": "true" },
      h("i", { class: "chance", style: `width:${percent}%` }), h("i", { class: "needed", style: `left:${needed}%` })),
    h("p", { class: "odds-key soft", "aria-hidden": "true" },
      h("span", {}, `chance ${number(percent, 1)} in 100`), h("span", {}, `needed ${number(needed, 1)} ▏`)),
    h("p", { class: "soft" }, KINDS[kind] ?? kind));
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`.replace(/\.\.$/, ".");

export const section = (title, ...children) => h("section", { class: "card part" }, h("h3", {}, title), ...children);
