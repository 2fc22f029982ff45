// The table of rules: what speaks for the signal, what against it, by how many points each.

import { h } from "./dom.js";
import { DASH, number, signed, words } from "../model/format.js";
import { groups, total } from "../model/decision_model.js";
import { section } from "./decision_plan.js";

export function rulesPart(decision) {
  const found = groups(decision);
  const table = h("table", { class: "rules" },
    h("thead", {}, h("tr", {}, ...[["Rule", ""], ["Value", "numeric"], ["Vote", ""], ["Points", "numeric"]]
      .map(([title, kind]) => h("th", { scope: "col", class: kind }, title)))),
    ...found.filter(({ rules }) => rules.length).map(group));
  const [why, against] = found.map(({ rules }) => total(rules));
  const sum = h("p", { class: "soft sum" }, `50 ${term(why)} ${term(against)} = `,
    h("b", {}, number(decision.composite_score, 2)));
  const part = section("Why, and why not", table, decision.composite_score === null ? null : sum,
    h("p", { class: "soft" }, "A vote runs from −1 (sell) to +1 (buy). Its points are how far it moves the composite from the neutral 50."));
  part.classList.add("wide");
  return part;
}

const term = (value) => `${value < 0 ? "−" : "+"} ${number(Math.abs(value), 2)}`;

const group = ({ name, title, rules }) => h("tbody", { "data-group": name },
  h("tr", { class: "group" }, h("th", { scope: "rowgroup", colspan: 3 }, title),
    h("td", { class: "numeric number" }, name === "silent" ? "" : signed(total(rules), 1))),
  ...rules.map(line));

const line = (rule) => h("tr", { "data-rule": rule.name, "data-vote": rule.vote },
  h("td", {}, rule.text, h("small", { class: "soft" }, words(rule.component))),
  h("td", { class: "numeric number" }, rule.value === null ? DASH : number(rule.value, 2)),
  h("td", {}, rule.vote === null ? h("span", { class: "soft" }, "no vote") : voteBar(rule.vote)),
  h("td", { class: "numeric number" }, rule.points === null ? DASH : signed(rule.points, 1)));

function voteBar(vote) {
  const away = Math.abs(vote) * 50;
  const left = vote < 0 ? 50 - away : 50;
  return h("span", { class: "vote" },
    h("span", { class: "track", "aria-hidden": "true" },
      h("i", { class: vote < 0 ? "down" : "up", style: `left:${left}%;width:${away}%` })),
    h("span", { class: "number" }, signed(vote)));
}
