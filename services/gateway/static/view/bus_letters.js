// The dead letters that wait: which event a service could not take, why, and a button to try again.

import { instant, moment } from "../model/format.js";
import { busyButton, h } from "./dom.js";
import { openEvent } from "./event_dialog.js";

const AGAIN = "Have the service take the event again, once what made it fail was mended";

export function letterList(letters, replay) {
  if (!letters.length) return h("p", { class: "soft" }, "No event waits to be taken again.");
  return h("ul", {}, ...letters.map((letter) => letterLine(letter, replay)));
}

function letterLine(letter, replay) {
  const { service, seq, subject, error, attempts, buried_at: at } = letter;
  const event = h("button", { type: "button", class: "event", title: "Show the whole event" });
  event.append(h("span", { class: "soft" }, `#${seq}`), " ", h("b", {}, subject));
  event.addEventListener("click", () => openEvent(seq));
  const tries = `${attempts} attempt${attempts === 1 ? "" : "s"}`;
  const when = `${service} gave it up at ${moment(instant(at), Date.now())} after ${tries}`;
  const button = busyButton("replay", "Replay", () => replay(letter));
  button.title = AGAIN;
  return h(
    "li",
    { "data-letter": `${service}-${seq}` },
    h("div", {}, event, h("p", { class: "soft" }, when), h("code", { title: error }, error)),
    button,
  );
}
