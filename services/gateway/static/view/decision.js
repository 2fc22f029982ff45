// The decision: the signal and its sentence, the plan with its sums, the odds, the components, why.

import { scoreBar, showSignal } from "./chips.js";
import { cliMenu } from "./cli.js";
import { componentsPart } from "./decision_components.js";
import { evidencePart } from "./decision_evidence.js";
import { oddsPart, planPart } from "./decision_plan.js";
import { rulesPart } from "./decision_rules.js";
import { field, h, mark, onChange, put } from "./dom.js";
import { current } from "../model/decision_model.js";
import { DASH, moment, price, sessionDate, signed } from "../model/format.js";

const SOURCES = {
  cache: "from the evidence held", live_api: "fetched for this question", simulated: "from simulated evidence",
};

export function createDecision() {
  const badge = h("span", { class: "badge large", "data-field": "signal" });
  const score = scoreBar();
  const reason = h("p", { class: "reason", "data-field": "reason" });
  const made = h("p", { class: "soft made", "data-field": "decided" });
  const stale = h("p", { class: "stale", "data-field": "stale-because", role: "status", hidden: true });
  const headline = h("section", { class: "card headline", "data-card": "decision", "aria-label": "Decision" },
    h("div", { class: "verdict" }, badge, h("span", { class: "composite", "data-field": "composite" },
      h("span", { class: "label" }, "composite"), score.node)),
    h("div", {}, reason, stale, made));
  const now = h("section", { class: "card now", "aria-label": "Where the price stands" });
  const body = h("div", { class: "decision-body" });
  const drawBody = onChange((decision, indicators) => {
    body.replaceChildren(...(decision ? bodyOf(decision, indicators, now) : []));
  });

  return {
    headline,
    node: body,
    show(state, row, instant) {
      const { detail } = state;
      const { decision } = detail;
      markCard(headline, decision, row);
      showSignal(badge, decision?.signal ?? null);
      mark(badge, "data-value", decision?.signal);
      score.show(decision?.composite_score ?? null, 1);
      mark(field(headline, "composite"), "data-value", decision?.composite_score);
      put(reason, decision ? decision.reason : waitingWords(detail, row));
      stale.hidden = !decision?.stale;
      put(stale, decision?.stale ? `STALE: ${decision.staleBecause}` : "");
      put(made, decision ? madeWords(decision, detail, instant) : "");
      body.hidden = !decision;
      drawBody(decision, detail.indicators);
      if (decision) showNow(now, decision, row);
    },
  };
}

function markCard(node, decision, row) {
  mark(node, "data-signal", decision?.signal ?? "none");
  mark(node, "data-seq", decision?.seq);
  mark(node, "data-simulated", decision?.simulated ?? row?.simulated ?? false);
  mark(node, "data-stale", decision?.stale ?? false);
  mark(node, "data-source", decision?.dataSource);
}

function waitingWords(detail, row) {
  if (detail.failure) return `${detail.failure.message}: ${detail.failure.remedy}`;
  if (row?.refusal && row.price === null) return `Nothing could be fetched: ${row.refusal.message}.`;
  if (!row) return `${detail.ticker} is not tracked. Add it: ./tapedeck add ${detail.ticker}`;
  if (row.price === null) return "It has just been added; its first prices are being fetched.";
  return detail.loaded ? "No decision has been made yet." : "Reading the decision…";
}

function madeWords(decision, detail, now) {
  const parts = [
    decision.simulated ? "SIMULATED" : null,
    `decided on the bar of ${sessionDate(decision.barDate)}`,
    `recorded ${moment(decision.decidedAt, now)} as #${decision.seq}`,
    SOURCES[decision.dataSource] ?? null,
    detail.asking ? "asking the analyzer…" : null,
  ];
  return parts.filter(Boolean).join(" · ");
}

function bodyOf(decision, indicators, now) {
  const commands = () => [`./tapedeck analyze ${decision.ticker}`, `./tapedeck analyze ${decision.ticker} --json`,
    `./tapedeck decisions ${decision.ticker}`];
  return [
    planPart(decision), h("div", { class: "stack" }, now, oddsPart(decision)),
    componentsPart(decision), rulesPart(decision), evidencePart(decision, indicators, cliMenu("This decision as commands", commands)),
  ];
}

// --- where the price stands now ------------------------------------------------------------------

// The way from stop to target as a line, with the entry and the present price on it.
function showNow(node, decision, row) {
  const { levels } = decision;
  const at = current(row?.price ?? null, levels);
  node.hidden = at === null;
  if (at === null) return;
  if (node.dataset.seq !== String(decision.seq)) build(node, decision);
  const place = (value) => `${Math.max(0, Math.min(1, (value - levels.stop) / (levels.target - levels.stop))) * 100}%`;
  node.querySelector(".here").style.left = place(at.price);
  node.querySelector(".tick").style.left = place(levels.entry);
  put(field(node, "here"), price(at.price));
  const distances = { stop: at.toStop, entry: at.toEntry, target: at.toTarget };
  for (const [name, value] of Object.entries(distances)) {
    put(field(node, `to-${name}`), signed(value));
    mark(field(node, `to-${name}`), "data-value", value);
    put(field(node, `to-${name}-percent`), `${signed((value / at.price) * 100, 1)}%`);
  }
  mark(node, "data-valid", at.stillValid);
  put(field(node, "still-valid"), at.stillValid
    ? "Still valid: the price lies between stop and target."
    : "No longer valid: the price has left the way from stop to target.");
}

function build(node, decision) {
  const to = (name, words) => h("div", {}, h("dt", {}, words), h("dd", { "data-field": `to-${name}` }, DASH),
    h("dd", { class: "soft", "data-field": `to-${name}-percent` }));
  node.dataset.seq = decision.seq;
  node.replaceChildren(
    h("div", { class: "ladder", "aria-hidden": "true" },
      h("span", { class: "end stop" }, "stop"), h("span", { class: "rail" },
        h("i", { class: "tick" }), h("i", { class: "here" }, h("span", { "data-field": "here" }))),
      h("span", { class: "end target" }, "target")),
    h("dl", { class: "distances" }, to("stop", "to the stop"), to("entry", "to the entry"), to("target", "to the target")),
    h("p", { class: "soft", "data-field": "still-valid" }));
}
