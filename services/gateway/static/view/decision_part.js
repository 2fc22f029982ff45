// A card of the decision, under a title of its own.

import { h } from "./dom.js";

export const part = (title, ...children) =>
  h("section", { class: "card part" }, h("h3", {}, title), ...children);

// One that needs the whole width.
export const widePart = (title, ...children) =>
  h("section", { class: "card part wide" }, h("h3", {}, title), ...children);

// The sign between a sum of printed numbers and its printed result.
export const equals = (sum, result) => (Math.abs(sum - result) < 0.005 ? "=" : "≈");
