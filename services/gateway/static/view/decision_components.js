// The components of a decision: a bar for each score, its weight, and those that are missing, by name.

import { h } from "./dom.js";
import { number, side, words } from "../model/format.js";
import { section } from "./decision_plan.js";

export function componentsPart(decision) {
  const { component_scores: scores, weights_used: weights, composite_score: composite } = decision;
  if (!scores) return section("Components", h("p", { class: "soft" }, "No component had anything to say."));
  const part = section("Components",
    h("ul", { class: "components" }, ...Object.entries(scores).map(([name, score]) =>
      (score === null ? absent(name) : component(name, score, weights?.[name] ?? 0)))),
    composite === null ? null : h("p", { class: "soft sum" }, sum(scores, weights), " = ",
      h("b", { "data-field": "composite-sum", "data-value": composite }, number(composite, 2))));
  part.classList.add("wide");
  return part;
}

const component = (name, score, weight) => h("li", { "data-component": name, "data-value": score },
  h("span", { class: "name" }, words(name)),
  h("span", { class: "track", role: "img", "aria-label": `${number(score, 1)} of 100` }, bar(score)),
  h("span", { class: "number" }, number(score, 1)),
  h("span", { class: "soft number" }, `× ${number(weight * 100, 1)}%`));

// Grows from the neutral 50 to either side.
function bar(score) {
  const away = Math.abs(score - 50);
  return h("i", { class: side(score - 50), style: `left:${score < 50 ? score : 50}%;width:${away}%` });
}

const absent = (name) => h("li", { class: "missing", "data-component": name, "data-missing": "true" },
  h("span", { class: "name" }, words(name)), h("span", { class: "soft" }, "missing: it has nothing to say yet, and is not counted"));

function sum(scores, weights) {
  return Object.entries(weights ?? {})
    .map(([name, weight]) => `${number(scores[name], 2)} × ${number(weight, 3)}`).join(" + ");
}
