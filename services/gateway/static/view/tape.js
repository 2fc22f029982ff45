// The tape at the foot of the page: the last event as a line, the ones before it on request.

import { clock, instant } from "../model/format.js";
import { cliMenu } from "./cli.js";
import { h, mark, onChange } from "./dom.js";
import { openEvent } from "./event_dialog.js";

const SHOWN = 100;
const WIDTH = 150;
const COMMANDS = ["./tapedeck tail", "./tapedeck events", "./tapedeck log --follow"];
const LIST = { class: "events", "aria-label": "The last events, newest first", hidden: true };

export class Tape {
  constructor(root) {
    this.events = [];
    this.lines = new Map();
    this.line = h("p", { class: "line", "data-field": "last-event" }, "No event yet.");
    this.list = h("ol", LIST);
    this.button = h("button", { type: "button", class: "quiet", "data-action": "tape" }, "Tape");
    mark(this.button, "aria-expanded", false);
    this.button.addEventListener("click", () => this.toggle());
    this.draw = onChange((events, open) => this.drawEvents(events, open));
    const menu = cliMenu("Events as commands", () => COMMANDS);
    root.append(h("div", { class: "strip" }, this.button, this.line, keys(), menu), this.list);
  }

  show({ tape }) {
    this.events = tape;
    this.draw(tape, !this.list.hidden);
  }

  toggle() {
    this.list.hidden = !this.list.hidden;
    mark(this.button, "aria-expanded", !this.list.hidden);
    this.draw(this.events, !this.list.hidden);
  }

  drawEvents(events, open) {
    if (events.length) this.line.replaceChildren(...eventWords(events[0]));
    if (!open) return;
    const before = this.lines;
    const shown = events.slice(0, SHOWN);
    this.lines = new Map(
      shown.map((event) => [event.seq, before.get(event.seq) ?? eventLine(event)]),
    );
    this.list.replaceChildren(...this.lines.values());
  }
}

const keys = () =>
  h(
    "p",
    { class: "keys" },
    ...[h("kbd", {}, "j"), h("kbd", {}, "k"), " move "],
    ...[h("kbd", {}, "Enter"), " open ", h("kbd", {}, "/"), " find or add"],
  );

function eventLine(event) {
  const button = h("button", { type: "button", class: "event" }, ...eventWords(event));
  button.title = "Show the whole event";
  button.addEventListener("click", () => openEvent(event.seq));
  return h("li", { "data-seq": event.seq }, button);
}

function eventWords({ seq, at, subject, event }) {
  const time = h("time", { class: "soft", datetime: at }, clock(instant(at)));
  const number = h("span", { class: "soft" }, `#${seq}`);
  const body = h("span", { class: "body" }, bodyWords(event));
  return [number, " ", time, " ", h("b", {}, subject), " ", body];
}

function bodyWords(body) {
  if (body === null) return "(large: open it)";
  const told = Object.entries(body).filter(([, value]) => value !== null && value?.length !== 0);
  const text = told.map(([name, value]) => `${name}=${short(value)}`).join(" ");
  return text.length > WIDTH ? `${text.slice(0, WIDTH)}…` : text;
}

function short(value) {
  if (Array.isArray(value)) return `[${value.length}]`;
  if (typeof value === "object") return "{…}";
  return typeof value === "number" ? String(Math.round(value * 1e4) / 1e4) : String(value);
}
