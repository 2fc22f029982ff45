// What a decision rests on: the events, by their seqs; each opens as the tape holds it.

import { h } from "./dom.js";
import { number } from "../model/format.js";
import { section } from "./decision_plan.js";
import { openEvent } from "./event_dialog.js";

export function evidencePart({ evidence, seq, bars_used: bars, ticker }, indicators, commands) {
  const barsSeq = indicators?.["1d"]?.bars_seq;
  const rows = [
    ["This decision", seq],
    [`Indicators of ${ticker}`, evidence.indicators],
    ...Object.entries(evidence.market).map(([key, at]) => [`Indicators of ${key}`, at]),
    ["Settings", evidence.settings],
    barsSeq ? ["Its last daily bars", barsSeq] : null,
  ].filter(Boolean);
  const part = section("Evidence",
    h("ul", { class: "evidence" }, ...rows.map(([title, at]) => h("li", {}, `${title} `, eventButton(at)))),
    h("p", { class: "soft" }, `${number(bars)} daily bars were used. `, commands));
  part.classList.add("wide");
  return part;
}

const eventButton = (seq) => (seq
  ? h("button", { type: "button", class: "seq-link", "data-seq": seq, title: "Show this event",
    onclick: () => openEvent(seq) }, `#${seq}`)
  : h("span", { class: "soft" }, "the defaults hold"));
