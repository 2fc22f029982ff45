// The conversation with the deck: one snapshot, then its events, and the questions that they raise.

import { wanted, withEvent } from "../model/detail.js";
import { streamOf } from "../model/events.js";
import { contradicts, withEvents } from "../model/folds.js";
import { withLink, withSettled, withSnapshot } from "../model/state.js";
import { Live } from "./live.js";
import { Overview } from "./overview.js";
import { Selection } from "./selection.js";
import { APART_MS, spaced } from "./spaced.js";

const FIGURES_MS = 10_000;
const BUDGET_MS = 5_000; // the window of a budget slides without an event
const ROWS_MS = 60_000;

const OF_A_LETTER = /^letter\./;
const OF_THE_COLLECTOR =
  /^(collector|watchlist|source|fetch|backfill)\.|^market\.(refused|quote|listing|unsettled|status)$/;

export class Conversation {
  constructor(store) {
    this.store = store;
    this.overview = new Overview(store);
    this.selection = new Selection(store, this.overview);
    this.refresh = spaced(() => this.askAll(), APART_MS);
    this.live = new Live({
      onMessage: (message) => this.heard(message),
      onPhase: (link) => this.phase(link),
    });
  }

  begin() {
    this.live.connect();
    this.every(FIGURES_MS, () => this.overview.soon.services());
    this.every(ROWS_MS, () => this.overview.soon.watchlist());
    this.every(BUDGET_MS, () => {
      const { collector } = this.store.state;
      if (collector === null || collector.budgets.some(({ used }) => used > 0))
        this.overview.soon.collector();
    });
  }

  async askAll() {
    const { overview, selection } = this;
    await overview.now.services();
    await Promise.all([
      overview.now.watchlist(),
      overview.now.collector(),
      overview.now.sessions(),
      overview.now.letters(),
    ]);
    this.store.update(withSettled);
    selection.wants.all();
  }

  heard(message) {
    if (message.type === "events") this.follow(message);
    if (message.type !== "snapshot") return;
    this.store.update(withSnapshot, message, Date.now());
    this.refresh();
  }

  follow(message) {
    const before = this.store.state;
    this.store.update(withEvents, message);
    for (const event of message.events) {
      const asked = wanted(this.selection.detail, event);
      this.selection.change(withEvent, event);
      if (asked) this.selection.wants[asked]();
      this.askBecauseOf(event, before);
    }
  }

  askBecauseOf(event, before) {
    const { soon } = this.overview;
    const stream = streamOf(event);
    if (OF_THE_COLLECTOR.test(stream)) soon.collector();
    if (OF_A_LETTER.test(stream)) soon.letters();
    if (stream === "watchlist.added" || contradicts(before, event)) soon.watchlist();
    if (stream === "calendar.sessions" && !event.event) soon.sessions();
  }

  // After a loss everything is asked again; at first the snapshot begins it.
  phase(link) {
    const back = link.phase === "live" && this.store.state.link.phase !== "live";
    this.store.update(withLink, link);
    if (back && this.store.state.seq > 0) this.refresh();
  }

  every(milliseconds, work) {
    setInterval(() => {
      if (!document.hidden && this.store.state.link.phase === "live") work();
    }, milliseconds);
  }
}
