// The bus and its tape in one line; opened, what each service met with and what it gave up.

import { DASH, bytes, known, number } from "../model/format.js";
import { letterList } from "./bus_letters.js";
import { cliMenu } from "./cli.js";
import { field, h, mark, onChange, put } from "./dom.js";

const COMMANDS = ["./tapedeck health", "./tapedeck letters"];
const LETTERS_OFFERED = 5;
const STATES = { ready: "appending", bad: "disk refuses", lost: "not reached", unknown: "asking…" };
const FIGURES = [
  ["commit-p50", "Commit p50", ({ commitP50 }) => milliseconds(commitP50)],
  ["commit-p99", "Commit p99", ({ commitP99 }) => milliseconds(commitP99)],
  ["batch", "Batch", ({ batch }) => number(batch)],
  ["resends", "Came twice", ({ resends }) => number(resends)],
  ["refused", "Refused", ({ refused }) => number(refused)],
  ["bad-frames", "Bad frames", ({ badFrames }) => number(badFrames)],
  ["bytes", "On disk", (figures) => bytes(figures.bytes)],
];
const COLUMNS = [
  ["lag", "Lag", "Events it has not taken yet"],
  ["gaps", "Gaps", "Gaps in the live stream, healed from the tape"],
  ["resends", "Sent again", "Turns it sent again, as no answer came"],
  ["badFrames", "Bad frames", "Bytes that came to it and were no message"],
  ["deadLetters", "Gave up", "Events this process could not take"],
  ["starts", "Starts", "Processes that ever ran under this name"],
];

export class Bus {
  constructor(root, actions) {
    this.root = root;
    this.waiting = [];
    this.rows = h("tbody", {});
    this.letters = h("div", { class: "letters", "data-field": "letters" });
    this.showFigures = onChange((figures) => this.drawFigures(figures));
    this.showLetters = onChange((letters) => this.drawLetters(letters, actions));
    const menu = cliMenu("The bus as commands", () => [...COMMANDS, ...replays(this.waiting)]);
    const figures = h("dl", { class: "counters" }, ...FIGURES.map(figure));
    const services = h("table", { class: "services" }, heads(), this.rows);
    root.append(h("details", {}, summary(), figures, services, this.letters), menu);
  }

  show({ figures, letters }) {
    this.showFigures(figures);
    this.showLetters(letters);
  }

  drawFigures(figures) {
    const told = figures?.up ? figures : { services: {} };
    const services = Object.entries(told.services);
    const lag = Math.max(0, ...services.map(([, one]) => (one.ready ? one.lag : 0)));
    mark(this.root, "data-state", stateOf(figures));
    put(field(this.root, "bus"), STATES[stateOf(figures)]);
    put(field(this.root, "commit"), figures?.up ? commitWords(told) : "");
    put(field(this.root, "lag"), figures?.up ? `lag ${number(lag)}` : "");
    for (const [name, , words] of FIGURES) put(field(this.root, name), words(told));
    this.rows.replaceChildren(...services.map(serviceRow));
  }

  drawLetters(letters, actions) {
    this.waiting = letters;
    const count = field(this.root, "dead-letters");
    put(count, `${letters.length || "no"} dead letter${letters.length === 1 ? "" : "s"}`);
    mark(count, "data-value", letters.length);
    this.letters.replaceChildren(letterList(letters, actions.replay));
  }
}

const summary = () =>
  h(
    "summary",
    {},
    h("h2", { id: "bus-title" }, "Bus and tape"),
    h("b", { class: "state", "data-field": "bus" }),
    h("span", { class: "soft", "data-field": "commit", title: "Half and 99 % of all commits" }),
    h("span", { class: "soft", "data-field": "lag" }),
    h("span", { class: "soft", "data-field": "dead-letters" }),
  );

const figure = ([name, title]) =>
  h("div", {}, h("dt", {}, title), h("dd", { "data-field": name }, DASH));

const heads = () =>
  h(
    "thead",
    {},
    h(
      "tr",
      {},
      h("th", { scope: "col" }, "Service"),
      ...COLUMNS.map(([, title, meaning]) =>
        h("th", { scope: "col", class: "numeric", title: meaning }, title),
      ),
    ),
  );

const serviceRow = ([name, service]) =>
  h(
    "tr",
    { "data-service": name, "data-state": service.ready ? "ready" : "off" },
    h("th", { scope: "row", title: service.ready ? "Ready" : "Not ready" }, shape(service), name),
    ...COLUMNS.map(([key]) => countCell(key, service[key])),
  );

const shape = ({ ready }) =>
  h("span", { class: "shape", "aria-hidden": "true" }, ready ? "●" : "○");

// Nothing to tell is told softly, so that what is not zero is seen.
const countCell = (key, value) =>
  h(
    "td",
    { class: value ? "numeric" : "numeric soft", "data-column": key, "data-value": value },
    number(value),
  );

function stateOf(figures) {
  if (!figures) return "unknown";
  if (!figures.up) return "lost";
  return figures.degraded ? "bad" : "ready";
}

const milliseconds = (value) => (known(value) ? `${number(value, 1)} ms` : DASH);

const commitWords = ({ commitP50, commitP99 }) =>
  `commit ${number(commitP50, 1)} to ${milliseconds(commitP99)}`;

const replays = (letters) =>
  letters
    .slice(0, LETTERS_OFFERED)
    .map(({ service, seq }) => `./tapedeck replay-letter ${service} ${seq}`);
