// What a decision rests on: the events, by their seqs; each opens as the tape holds it.

import { number } from "../model/format.js";
import { widePart } from "./decision_part.js";
import { h } from "./dom.js";
import { openEvent } from "./event_dialog.js";

export function evidencePart({ evidence, seq, bars_used: bars, ticker }, indicators, commands) {
  const market = Object.entries(evidence.market).map(([key, at]) => [`Indicators of ${key}`, at]);
  const barsSeq = indicators?.["1d"]?.bars_seq;
  const events = [
    ["This decision", seq],
    [`Indicators of ${ticker}`, evidence.indicators],
    ...market,
    ["Settings", evidence.settings],
    ...(barsSeq ? [["Its last daily bars", barsSeq]] : []),
  ];
  const items = events.map(([title, at]) => h("li", {}, `${title} `, at ? link(at) : defaults()));
  return widePart(
    "Evidence",
    h("ul", { class: "evidence" }, ...items),
    h("p", { class: "soft" }, `${number(bars)} daily bars were used. `, commands),
  );
}

function link(seq) {
  const node = h("button", { type: "button", class: "seq-link", "data-seq": seq }, `#${seq}`);
  node.title = "Show this event";
  node.addEventListener("click", () => openEvent(seq));
  return node;
}

const defaults = () => h("span", { class: "soft" }, "the defaults hold");
