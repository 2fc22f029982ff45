// The table of rules: what speaks for the signal, what against it, by how many points each.

import { groups, total } from "../model/decision_model.js";
import { DASH, number, signed, words } from "../model/format.js";
import { equals, widePart } from "./decision_part.js";
import { h } from "./dom.js";

const HEADS = [
  ["Rule", null],
  ["Value", "numeric"],
  ["Vote", null],
  ["Points", "numeric"],
];

const ON_VOTES =
  "A vote runs from −1 (sell) to +1 (buy). " +
  "Its points are how far it moves the composite from the neutral 50.";

export function rulesPart(decision) {
  const found = groups(decision);
  const composite = decision.composite_score;
  const heads = HEADS.map(([title, kind]) => h("th", { scope: "col", class: kind }, title));
  const filled = found.filter(({ rules }) => rules.length);
  return widePart(
    "Why, and why not",
    h("table", { class: "rules" }, h("thead", {}, h("tr", {}, ...heads)), ...filled.map(group)),
    composite === null ? null : sumLine(found, composite),
    h("p", { class: "soft" }, ON_VOTES),
  );
}

function sumLine(found, composite) {
  const [why, against] = found.map(({ rules }) => total(rules));
  const sign = equals(50 + why + against, composite);
  const result = h("b", {}, number(composite, 2));
  return h("p", { class: "soft sum" }, `50 ${term(why)} ${term(against)} ${sign} `, result);
}

const term = (value) => `${value < 0 ? "−" : "+"} ${number(Math.abs(value), 2)}`;

function group({ name, title, rules }) {
  const points = name === "silent" ? "" : signed(total(rules), 1);
  return h(
    "tbody",
    { "data-group": name },
    h(
      "tr",
      { class: "group" },
      h("th", { scope: "rowgroup", colspan: 3 }, title),
      h("td", { class: "numeric" }, points),
    ),
    ...rules.map(line),
  );
}

const line = (rule) =>
  h(
    "tr",
    { "data-rule": rule.name, "data-vote": rule.vote },
    h("td", {}, rule.text, h("small", { class: "soft" }, words(rule.component))),
    h("td", { class: "numeric" }, number(rule.value, 2)),
    h("td", {}, rule.vote === null ? h("span", { class: "soft" }, "no vote") : voteBar(rule.vote)),
    h("td", { class: "numeric" }, rule.points === null ? DASH : signed(rule.points, 1)),
  );

function voteBar(vote) {
  const away = Math.abs(vote) * 50;
  const place = `left:${vote < 0 ? 50 - away : 50}%;width:${away}%`;
  const bar = h("i", { class: vote < 0 ? "down" : "up", style: place });
  return h(
    "span",
    { class: "vote" },
    h("span", { class: "track", "aria-hidden": "true" }, bar),
    h("span", { class: "number" }, signed(vote)),
  );
}
