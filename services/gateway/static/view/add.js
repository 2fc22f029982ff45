// One field to find a tracked ticker and to add a new one; a refusal is told beside it.

import { cliMenu } from "./cli.js";
import { h, mark, put } from "./dom.js";

// `onFind` gets what is typed; `onOpen` a tracked ticker; `isTracked` says whether it is one.
export function createAdd(form, { actions, onFind, onOpen, isTracked }) {
  const error = h("p", { class: "error", id: "add-error", role: "alert", "data-field": "add-error" });
  const input = h("input", {
    id: "add-ticker", name: "ticker", type: "text", maxlength: 40, spellcheck: "false",
    autocapitalize: "characters", enterkeyhint: "done", placeholder: "Find or add a ticker",
    "aria-label": "Find a ticker, or add one", "aria-describedby": "add-error", "data-action": "add-ticker",
  });
  const button = h("button", { class: "primary", "data-action": "add" }, "Add");
  const typed = () => input.value.trim().toUpperCase();
  const commands = () => [`./tapedeck add ${typed() || "AAPL"}`, "./tapedeck watchlist"];
  form.append(
    h("div", { class: "field" }, input, h("kbd", { "aria-hidden": "true" }, "/")), button,
    cliMenu("Add as a command", commands), error,
  );

  const clear = () => {
    input.value = "";
    input.blur();
    say("");
    onFind("");
  };
  const say = (message, remedy = "") => {
    put(error, message && remedy ? `${message}: ${remedy}` : message);
    mark(input, "aria-invalid", Boolean(message));
  };

  input.addEventListener("input", () => {
    say("");
    onFind(typed());
  });
  input.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") clear();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const ticker = typed();
    if (!ticker) return say("Type a ticker", "for example AAPL");
    if (isTracked(ticker)) {
      clear();
      return onOpen(ticker);
    }
    mark(button, "aria-busy", true);
    try {
      const answer = await actions.add(ticker);
      clear();
      onOpen(answer.watchlist.at(-1));
    } catch (failure) {
      say(failure.message, failure.remedy);
      input.select();
    } finally {
      mark(button, "aria-busy", false);
    }
    return undefined;
  });
  return { focus: () => input.select() };
}
