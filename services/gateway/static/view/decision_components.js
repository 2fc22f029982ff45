// The components of a decision: a bar and a weight for each score, and the missing ones by name.

import { number, side, words } from "../model/format.js";
import { equals, widePart } from "./decision_part.js";
import { h } from "./dom.js";

const NOTHING = "No component had anything to say.";
const MISSING = "missing: it has nothing to say yet, and is not counted";

export function componentsPart(decision) {
  const { component_scores: scores, weights_used: weights, composite_score: composite } = decision;
  if (!scores) return widePart("Components", h("p", { class: "soft" }, NOTHING));
  const lines = Object.entries(scores).map(([name, score]) =>
    score === null ? absent(name) : component(name, score, weights?.[name] ?? 0),
  );
  return widePart(
    "Components",
    h("ul", { class: "components" }, ...lines),
    composite === null ? null : sumLine(scores, weights, composite),
  );
}

const component = (name, score, weight) =>
  h(
    "li",
    { "data-component": name, "data-value": score },
    h("span", { class: "name" }, words(name)),
    h(
      "span",
      { class: "track", role: "img", "aria-label": `${number(score, 1)} of 100` },
      bar(score),
    ),
    h("span", { class: "number" }, number(score, 1)),
    h("span", { class: "soft number" }, `× ${number(weight * 100, 1)}%`),
  );

// Grows from the neutral 50 to either side.
function bar(score) {
  const place = `left:${Math.min(score, 50)}%;width:${Math.abs(score - 50)}%`;
  return h("i", { class: side(score - 50), style: place });
}

const absent = (name) =>
  h(
    "li",
    { class: "missing", "data-component": name, "data-missing": true },
    h("span", { class: "name" }, words(name)),
    h("span", { class: "soft" }, MISSING),
  );

function sumLine(scores, weights, composite) {
  const terms = Object.entries(weights).map(([name, weight]) => [scores[name], weight]);
  const total = terms.reduce((sum, [score, weight]) => sum + score * weight, 0);
  const text = terms.map(([score, weight]) => `${number(score, 2)} × ${number(weight, 3)}`);
  const result = h("b", {}, number(composite, 2));
  return h("p", { class: "soft sum" }, `${text.join(" + ")} ${equals(total, composite)} `, result);
}
