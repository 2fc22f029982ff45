// What is asked about the deck as a whole: its services, the collector, the watchlist, sessions.

import {
  withCollector,
  withDecisions,
  withFigures,
  withLetters,
  withSessions,
  withTrouble,
  withWatchlist,
} from "../model/state.js";
import { api } from "./api.js";
import { isReady } from "./figures.js";
import { APART_MS, spaced } from "./spaced.js";

const DECISIONS_MAX = 500;
const LETTERS_MAX = 100;

export class Overview {
  // `now` asks at once; `soon` asks once for all who want the same thing meanwhile.
  constructor(store) {
    this.store = store;
    this.now = {
      services: () => this.asked("services", () => this.askFigures()),
      collector: () => this.asked("collector", () => this.askCollector()),
      watchlist: () => this.asked("watchlist", () => this.askWatchlist()),
      sessions: () => this.asked("sessions", () => this.askSessions()),
      letters: () => this.asked("letters", () => this.askLetters()),
    };
    this.soon = Object.fromEntries(
      Object.entries(this.now).map(([name, ask]) => [name, spaced(ask, APART_MS)]),
    );
  }

  // Who is not known to be there is not asked: a browser logs each answer of 503 as an error.
  ready(service) {
    const { figures } = this.store.state;
    return figures !== null && isReady(figures, service);
  }

  // What went wrong is shown until the same question succeeds.
  async asked(name, ask) {
    try {
      await ask();
      this.store.update(withTrouble, name, null);
    } catch (failure) {
      this.store.update(withTrouble, name, failure);
    }
  }

  async askFigures() {
    this.store.update(withFigures, await api.figures());
  }

  async askCollector() {
    if (this.ready("fetcher")) this.store.update(withCollector, await api.status());
  }

  // Where the collector does not answer, the rows are what the cache told with its snapshot.
  async askWatchlist() {
    if (!this.ready("cache")) return;
    if (this.ready("fetcher")) this.store.update(withWatchlist, await api.watchlist(), Date.now());
    const rows = [...(this.store.state.rows?.values() ?? [])];
    if (!rows.some((row) => row.composite === null)) return;
    const limit = Math.min(DECISIONS_MAX, 3 * rows.length + 10);
    this.store.update(withDecisions, await api.decisions(limit));
  }

  async askSessions() {
    if (!this.ready("cache")) return;
    const told = await api.events("calendar.sessions", 1);
    const body = told.events.at(-1)?.event;
    if (body) this.store.update(withSessions, body);
  }

  async askLetters() {
    if (this.ready("cache")) this.store.update(withLetters, await api.letters(LETTERS_MAX));
  }
}
