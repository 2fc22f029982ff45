// One field to find a tracked ticker and to add a new one; a refusal is told beside it.

import { canonical } from "../model/format.js";
import { cliMenu } from "./cli.js";
import { h, mark, put } from "./dom.js";

const FIELD = {
  name: "ticker",
  type: "text",
  maxlength: 40,
  spellcheck: "false",
  autocapitalize: "characters",
  enterkeyhint: "done",
  placeholder: "Find or add a ticker",
  "aria-label": "Find a ticker, or add one",
  "aria-describedby": "add-error",
  "data-action": "add-ticker",
};

const ERROR = { class: "error", id: "add-error", role: "alert", "data-field": "add-error" };

export class AddField {
  // `onFind` gets what is typed, `onOpen` the ticker to look at; `isTracked` says if it is one.
  constructor(form, { actions, onFind, onOpen, isTracked }) {
    this.actions = actions;
    this.onFind = onFind;
    this.onOpen = onOpen;
    this.isTracked = isTracked;
    this.input = h("input", FIELD);
    this.button = h("button", { class: "primary", "data-action": "add" }, "Add");
    this.error = h("p", ERROR);
    const slash = h("kbd", { "aria-hidden": "true" }, "/");
    const menu = cliMenu("Add as a command", () => this.commands());
    form.append(h("div", { class: "field" }, this.input, slash), this.button, menu, this.error);
    form.addEventListener("submit", (event) => this.submitted(event));
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("keydown", ({ key }) => key === "Escape" && this.clear());
  }

  get text() {
    return canonical(this.input.value);
  }

  commands() {
    return [`./tapedeck add ${this.text || "AAPL"}`, "./tapedeck watchlist"];
  }

  focus() {
    this.input.select();
  }

  typed() {
    this.say("");
    this.onFind(this.text);
  }

  clear() {
    this.input.value = "";
    this.input.blur();
    this.typed();
  }

  say(message, remedy = "") {
    put(this.error, message && remedy ? `${message}: ${remedy}` : message);
    mark(this.input, "aria-invalid", Boolean(message));
  }

  async submitted(event) {
    event.preventDefault();
    const ticker = this.text;
    if (!ticker) this.say("Type a ticker", "for example AAPL");
    else if (this.isTracked(ticker)) this.open(ticker);
    else await this.add(ticker);
  }

  async add(ticker) {
    mark(this.button, "aria-busy", true);
    try {
      await this.actions.add(ticker);
      this.open(ticker);
    } catch (failure) {
      this.say(failure.message, failure.remedy);
      this.input.select();
    } finally {
      mark(this.button, "aria-busy", false);
    }
  }

  open(ticker) {
    this.clear();
    this.onOpen(ticker);
  }
}
