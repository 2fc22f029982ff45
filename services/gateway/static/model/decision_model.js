// A decision as the card shows it, from whichever answer or event told of it; pure.

import { instant, isSimulated, plain } from "./format.js";

const PARTS = [
  "signal",
  "reason",
  "composite_score",
  "component_scores",
  "weights_used",
  "missing",
  "rules",
  "levels",
  "position_sizing",
  "probability",
  "evidence",
  "bars_used",
];

const parts = (told) => Object.fromEntries(PARTS.map((name) => [name, told[name] ?? null]));

// From the answer of /api/analyze; null where nothing was decided.
export function fromAnalysis(answer) {
  if (answer.signal === null) return null;
  return {
    ...parts(answer),
    ticker: plain(answer.ticker),
    barDate: answer.bar_date,
    decidedAt: instant(answer.decided_at),
    seq: answer.decision_seq,
    dataSource: answer.data_source,
    simulated: answer.simulated,
    stale: answer.stale,
    staleBecause: answer.stale_because,
  };
}

// From a `decision.made` as the tape or the cache holds it. How fresh it is, the analyzer tells.
export function fromDecision(told, seq, at) {
  return {
    ...parts(told),
    ticker: plain(told.ticker),
    barDate: told.bar_start.slice(0, 10),
    decidedAt: at,
    seq,
    dataSource: isSimulated(told.ticker) ? "simulated" : null,
    simulated: isSimulated(told.ticker),
    stale: false,
    staleBecause: "",
  };
}

// The side that the plan is drawn for: a stop below the entry is a plan to buy.
export const planSide = (levels) => (levels.stop < levels.entry ? "BUY" : "SELL");

// Where a price stands against the plan: each level minus the price, and whether it lies between
// stop and target.
export function current(price, levels) {
  if (price === null || !levels) return null;
  const [low, high] = [levels.stop, levels.target].sort((a, b) => a - b);
  return {
    price,
    toEntry: levels.entry - price,
    toStop: levels.stop - price,
    toTarget: levels.target - price,
    stillValid: low < price && price < high,
  };
}

// The sums behind size, risk and profit. What a share risks and wins follows from the printed
// levels; what lies between that and the told dollars is slippage and commission.
export function sums(levels, sizing) {
  const risk = Math.abs(levels.entry - levels.stop);
  const reward = Math.abs(levels.target - levels.entry);
  const { shares } = sizing;
  return {
    risk,
    reward,
    riskCosts: Math.max(0, sizing.risk_dollars - shares * risk),
    rewardCosts: Math.max(0, shares * reward - sizing.potential_profit),
  };
}

// Each vote with its points: how far it moves the composite from 50. A component's weight is shared
// equally by its votes, and a full vote is worth 50 points, so that the points of all votes and 50
// add up to the composite.
export function points(rules, weights) {
  const votes = {};
  for (const rule of rules)
    if (rule.vote !== null) votes[rule.component] = (votes[rule.component] ?? 0) + 1;
  return rules.map((rule) => {
    const weight = weights?.[rule.component] ?? 0;
    const value = rule.vote === null ? null : (50 * weight * rule.vote) / votes[rule.component];
    return { ...rule, points: value };
  });
}

// The rules in the groups of the question WHY: what speaks for the signal, what against it, and
// what had nothing to say; strongest first. HOLD takes no side: there it is buying against selling.
export function groups(decision) {
  const votes = points(decision.rules ?? [], decision.weights_used);
  const up = votes.filter((rule) => rule.points > 0).sort((a, b) => b.points - a.points);
  const down = votes.filter((rule) => rule.points < 0).sort((a, b) => a.points - b.points);
  const silent = votes.filter((rule) => !rule.points);
  const [pro, contra] = decision.signal === "SELL" ? [down, up] : [up, down];
  const titles =
    decision.signal === "HOLD"
      ? ["For buying", "For selling"]
      : [`Why ${decision.signal}`, `Why not ${decision.signal}`];
  return [
    { name: "why", title: titles[0], rules: pro },
    { name: "why-not", title: titles[1], rules: contra },
    { name: "silent", title: "Without effect", rules: silent },
  ];
}

export const total = (rules) => rules.reduce((sum, rule) => sum + rule.points, 0);
