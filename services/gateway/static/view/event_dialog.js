// One event, whole, in a window over the page.

import { api } from "../deck/api.js";
import { cliMenu } from "./cli.js";
import { h } from "./dom.js";
import { toast } from "./toast.js";

// The event as the tape holds it, read from the deck by its seq.
export async function openEvent(seq) {
  let told;
  try {
    told = (await api.event(seq)).events[0];
  } catch (failure) {
    return toast(failure.message, { remedy: failure.remedy, bad: true });
  }
  if (!told) return toast(`Event ${seq} is not on the tape`, { bad: true });
  const close = () => dialog.close();
  const dialog = h(
    "dialog",
    { class: "event-dialog", "data-field": "event", onclose: () => dialog.remove() },
    h(
      "div",
      { class: "head" },
      h("h2", {}, `Event ${seq}`),
      cliMenu("This event as a command", () => [
        `./tapedeck events --from-seq ${seq} --limit 1 --json`,
      ]),
      h("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: close }, "×"),
    ),
    h("p", { class: "soft" }, `${told.subject}, said by ${told.by} at ${told.at}`),
    h("pre", { tabindex: "0" }, JSON.stringify(told.event, null, 2)),
    rawAnswer(told.event?.answer_hash),
  );
  document.body.append(dialog);
  dialog.showModal();
  return undefined;
}

// The provider's own bytes, from which the event was read, as long as they are kept.
function rawAnswer(hash) {
  if (!hash) return null;
  const link = h("a", { href: `/api/raw/${hash}`, target: "_blank", rel: "noopener" }, "raw answer");
  return h("p", { class: "soft" }, "Read from the provider's ", link, `, ./tapedeck raw ${hash.slice(0, 16)}`);
}
