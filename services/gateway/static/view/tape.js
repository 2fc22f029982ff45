// The tape at the foot of the page: the last event as a line, the ones before it on request.

import { cliMenu } from "./cli.js";
import { h, mark, onChange } from "./dom.js";
import { openEvent } from "./event_dialog.js";
import { clock, instant } from "../model/format.js";

const SHOWN = 100;
const WIDTH = 150;

export function createTape(root) {
  const line = h("p", { class: "line", "data-field": "last-event" }, "No event yet.");
  const list = h("ol", { class: "events", "data-field": "events-list", hidden: true, "aria-label": "The last events, newest first" });
  let last = [];
  const button = h("button", { type: "button", class: "quiet", "data-action": "tape", "aria-expanded": false,
    onclick: () => {
      list.hidden = !list.hidden;
      mark(button, "aria-expanded", !list.hidden);
      draw(last, !list.hidden);
    } }, "Tape");
  root.append(
    h("div", { class: "strip" }, button, line,
      h("p", { class: "keys" }, h("kbd", {}, "j"), h("kbd", {}, "k"), " move ", h("kbd", {}, "Enter"), " open ",
        h("kbd", {}, "/"), " find or add"),
      cliMenu("Events as commands", () => ["./tapedeck tail", "./tapedeck events", "./tapedeck log --follow"])),
    list,
  );
  const nodes = new Map();
  const draw = onChange((tape, open) => {
    if (tape.length) line.replaceChildren(...eventWords(tape[0]));
    if (!open) return;
    const shown = tape.slice(0, SHOWN);
    for (const event of shown) if (!nodes.has(event.seq)) nodes.set(event.seq, eventLine(event));
    for (const seq of nodes.keys()) if (!shown.some((event) => event.seq === seq)) nodes.delete(seq);
    list.replaceChildren(...shown.map((event) => nodes.get(event.seq)));
  });
  return ({ tape }) => {
    last = tape;
    draw(tape, !list.hidden);
  };
}

const eventLine = (event) => h("li", { "data-seq": event.seq },
  h("button", { type: "button", class: "event", title: "Show the whole event", onclick: () => openEvent(event.seq) },
    ...eventWords(event)));

function eventWords(event) {
  return [
    h("span", { class: "soft" }, `#${event.seq}`), " ",
    h("time", { class: "soft", datetime: event.at }, clock(instant(event.at))), " ",
    h("b", {}, event.subject), " ",
    h("span", { class: "body" }, bodyWords(event.event)),
  ];
}

function bodyWords(body) {
  if (body === null) return "(large: open it)";
  const text = Object.entries(body)
    .filter(([, value]) => value !== null && value !== "" && !(Array.isArray(value) && !value.length))
    .map(([name, value]) => `${name}=${short(value)}`).join(" ");
  return text.length > WIDTH ? `${text.slice(0, WIDTH)}…` : text;
}

function short(value) {
  if (Array.isArray(value)) return `[${value.length}]`;
  if (typeof value === "object") return "{…}";
  return typeof value === "number" ? String(Math.round(value * 1e4) / 1e4) : String(value);
}
