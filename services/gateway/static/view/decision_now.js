// Where the price stands now against the plan: a way from stop to target, and the distances.

import { current } from "../model/decision_model.js";
import { price, signed } from "../model/format.js";
import { h, mark, put } from "./dom.js";

const VALID = "Still valid: the price lies between stop and target.";
const INVALID = "No longer valid: the price has left the way from stop to target.";

export class PriceNow {
  constructor() {
    this.tick = h("i", { class: "tick" });
    this.price = h("span", { "data-field": "here" });
    this.here = h("i", { class: "here" }, this.price);
    this.verdict = h("p", { class: "soft", "data-field": "still-valid" });
    this.distances = {
      toStop: distance("to-stop", "to the stop"),
      toEntry: distance("to-entry", "to the entry"),
      toTarget: distance("to-target", "to the target"),
    };
    this.node = this.assembled();
  }

  assembled() {
    const distances = Object.values(this.distances).map(({ node }) => node);
    return h(
      "section",
      { class: "card now", "aria-label": "Where the price stands" },
      h(
        "div",
        { class: "ladder", "aria-hidden": "true" },
        h("span", { class: "stop" }, "stop"),
        h("span", { class: "rail" }, this.tick, this.here),
        h("span", { class: "target" }, "target"),
      ),
      h("dl", { class: "distances" }, ...distances),
      this.verdict,
    );
  }

  show(levels, at) {
    const now = current(at, levels);
    this.node.hidden = now === null;
    if (now === null) return;
    this.tick.style.left = placeOf(levels.entry, levels);
    this.here.style.left = placeOf(now.price, levels);
    put(this.price, price(now.price));
    for (const [name, one] of Object.entries(this.distances)) one.show(now[name], now.price);
    mark(this.node, "data-valid", now.stillValid);
    put(this.verdict, now.stillValid ? VALID : INVALID);
  }
}

// Between stop and target, in percent of the way; what lies outside stands at its end.
function placeOf(at, { stop, target }) {
  const share = (at - stop) / (target - stop);
  return `${Math.max(0, Math.min(1, share)) * 100}%`;
}

function distance(name, title) {
  const points = h("dd", { "data-field": name });
  const percent = h("dd", { class: "soft", "data-field": `${name}-percent` });
  return {
    node: h("div", {}, h("dt", {}, title), points, percent),
    show(value, at) {
      put(points, signed(value));
      mark(points, "data-value", value);
      put(percent, `${signed((value / at) * 100, 1)}%`);
    },
  };
}
