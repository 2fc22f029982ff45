// The bar on top: the market, the two lights, the last event, the mode, the clock, the theme.

import { field, find, h, mark, put } from "./dom.js";
import { day, clock } from "../model/format.js";
import { dataLight, systemLight } from "../model/lights.js";
import { marketWords } from "../model/sessions.js";
import { anySimulated } from "../model/state.js";
import { themeButton } from "./theme.js";

const SHAPES = {
  fresh: "●", ready: "●", aged: "◐", partial: "◐", simulated: "▨", none: "○", unknown: "○", lost: "✕",
};

export function createHeader(root, { themed }) {
  themeButton(find(root, "[data-action=theme]"), themed);
  const lights = {
    data: light(find(root, "[data-light=data]"), "Data"),
    system: light(find(root, "[data-light=system]"), "System"),
  };
  const market = field(root, "market");
  return (state, now) => {
    lights.data(dataLight(state, now));
    lights.system(systemLight(state, now));
    const words = marketWords(state.collector, state.sessions, now);
    put(market, words.text);
    mark(market, "data-state", words.state);
    mark(market, "title", words.title || null);
    put(field(root, "seq"), state.seq ? `#${state.seq.toLocaleString("en-US")}` : "–");
    mark(field(root, "seq"), "data-value", state.seq);
    showMode(field(root, "mode"), state);
    put(field(root, "clock"), `${day(now)} ${clock(now)} ET`);
  };
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

// Whose prices these are: the sources of what is shown.
function showMode(node, state) {
  const shown = new Set([...(state.rows?.values() ?? [])].map((row) => row.source).filter(Boolean));
  const made = anySimulated(state);
  const real = [...shown].filter((source) => source !== "simulated");
  put(node, [made ? "SIMULATED" : null, ...real].filter(Boolean).join(" + ") || "no source yet");
  node.classList.toggle("sim", made);
  mark(node, "data-simulated", made);
  mark(node, "title", made ? "Prices shown here are made up by the deck" : "Where the shown prices come from");
}
