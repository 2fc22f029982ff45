// The decision: the signal with its sentence, and below it all that it follows from.

import { moment, sessionDate } from "../model/format.js";
import { scoreBar, showSignal } from "./chips.js";
import { cliMenu } from "./cli.js";
import { componentsPart } from "./decision_components.js";
import { evidencePart } from "./decision_evidence.js";
import { PriceNow } from "./decision_now.js";
import { oddsPart, planPart } from "./decision_plan.js";
import { rulesPart } from "./decision_rules.js";
import { h, mark, onChange, put } from "./dom.js";

const SOURCES = {
  cache: "from the evidence held",
  live_api: "fetched for this question",
  simulated: "from simulated evidence",
};

// `headline` and `node` stand in two places of the page.
export class DecisionCard {
  constructor() {
    this.badge = h("span", { class: "badge large", "data-field": "signal" });
    this.score = scoreBar();
    this.reason = h("p", { class: "reason", "data-field": "reason" });
    this.stale = h("p", { class: "stale", "data-field": "stale-because", role: "status" });
    this.made = h("p", { class: "soft made", "data-field": "decided" });
    this.composite = h("span", { class: "composite", "data-field": "composite" });
    this.composite.append(h("span", { class: "label" }, "composite"), this.score.node);
    this.headline = h(
      "section",
      { class: "card headline", "data-card": "decision", "aria-label": "Decision" },
      h("div", { class: "verdict" }, this.badge, this.composite),
      h("div", {}, this.reason, this.stale, this.made),
    );
    this.now = new PriceNow();
    this.node = h("div", { class: "decision-body" });
    this.draw = onChange((decision, indicators) => this.drawParts(decision, indicators));
  }

  show({ detail }, row, now) {
    const { decision } = detail;
    this.showHeadline(decision, row);
    put(this.reason, decision ? decision.reason : waitingWords(detail, row));
    put(this.made, decision ? madeWords(decision, detail.asking, now) : "");
    this.draw(decision, detail.indicators);
    if (decision) this.now.show(decision.levels, row?.price ?? null);
  }

  showHeadline(decision, row) {
    const { signal = null, composite_score: composite = null } = decision ?? {};
    mark(this.headline, "data-signal", signal ?? "none");
    mark(this.headline, "data-seq", decision?.seq);
    mark(this.headline, "data-simulated", decision?.simulated ?? row?.simulated ?? false);
    mark(this.headline, "data-stale", decision?.stale ?? false);
    mark(this.headline, "data-source", decision?.dataSource);
    showSignal(this.badge, signal);
    mark(this.badge, "data-value", signal);
    this.score.show(composite, 1);
    mark(this.composite, "data-value", composite);
    this.stale.hidden = !decision?.stale;
    put(this.stale, decision?.stale ? `STALE: ${decision.staleBecause}` : "");
  }

  drawParts(decision, indicators) {
    this.node.hidden = !decision;
    if (!decision) return;
    const commands = ["analyze", "decisions"].map(
      (verb) => `./tapedeck ${verb} ${decision.ticker}`,
    );
    const menu = cliMenu("This decision as commands", () => [...commands, `${commands[0]} --json`]);
    this.node.replaceChildren(
      planPart(decision),
      h("div", { class: "stack" }, this.now.node, oddsPart(decision)),
      componentsPart(decision),
      rulesPart(decision),
      evidencePart(decision, indicators, menu),
    );
  }
}

// Why there is no decision.
function waitingWords({ ticker, failure, loaded }, row) {
  if (failure) return `${failure.message}: ${failure.remedy}`;
  if (!row) return `${ticker} is not tracked. Add it: ./tapedeck add ${ticker}`;
  if (row.refusal) return `Nothing could be fetched: ${row.refusal.message}.`;
  if (row.price === null) return "It has just been added; its first prices are being fetched.";
  return loaded ? "No decision has been made yet." : "Reading the decision…";
}

function madeWords(decision, asking, now) {
  const parts = [
    decision.simulated ? "SIMULATED" : "",
    `decided on the bar of ${sessionDate(decision.barDate)}`,
    `recorded ${moment(decision.decidedAt, now)} as #${decision.seq}`,
    SOURCES[decision.dataSource] ?? "",
    asking ? "asking the analyzer…" : "",
  ];
  return parts.filter(Boolean).join(" · ");
}
