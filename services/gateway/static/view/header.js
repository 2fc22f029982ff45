// The bar on top: the market, the two lights, the last event, the mode, the clock, the theme.

import { clock, day, DASH, number } from "../model/format.js";
import { dataLight, systemLight } from "../model/lights.js";
import { marketWords } from "../model/sessions.js";
import { anySimulated } from "../model/state.js";
import { field, find, h, mark, put } from "./dom.js";
import { themeButton } from "./theme.js";

const SHAPES = {
  fresh: "●",
  ready: "●",
  aged: "◐",
  partial: "◐",
  simulated: "▨",
  none: "○",
  unknown: "○",
  lost: "✕",
};

export class Header {
  constructor(root, onTheme) {
    this.data = light(find(root, "[data-light=data]"), "Data");
    this.system = light(find(root, "[data-light=system]"), "System");
    this.market = field(root, "market");
    this.seq = field(root, "seq");
    this.mode = field(root, "mode");
    this.clock = field(root, "clock");
    themeButton(find(root, "[data-action=theme]"), onTheme);
  }

  show(state, now) {
    this.data(dataLight(state, now));
    this.system(systemLight(state, now));
    this.showMarket(marketWords(state.collector, state.sessions, now));
    put(this.seq, state.seq ? `#${number(state.seq)}` : DASH);
    mark(this.seq, "data-value", state.seq);
    this.showMode([...(state.rows?.values() ?? [])], anySimulated(state));
    put(this.clock, `${day(now)} ${clock(now)} ET`);
  }

  showMarket({ text, state, title }) {
    put(this.market, text);
    mark(this.market, "data-state", state);
    mark(this.market, "title", title || null);
  }

  // Whose prices these are: the sources of what is shown.
  showMode(rows, simulated) {
    const sources = new Set(rows.filter((row) => row.source).map((row) => row.source));
    sources.delete("simulated");
    const names = [...(simulated ? ["SIMULATED"] : []), ...sources];
    put(this.mode, names.join(" + ") || "no source yet");
    this.mode.classList.toggle("sim", simulated);
    mark(this.mode, "data-simulated", simulated);
    mark(
      this.mode,
      "title",
      simulated ? "Prices made up by the deck" : "Where the prices come from",
    );
  }
}

function light(node, name) {
  const shape = h("span", { class: "shape", "aria-hidden": "true" });
  const word = h("b", {});
  node.append(shape, h("span", { class: "name" }, name), word);
  return (told) => {
    mark(node, "data-state", told.state);
    mark(node, "title", told.why);
    put(shape, SHAPES[told.state]);
    put(word, told.word);
  };
}
