// The conversation with the deck: what is asked for when, so that the state follows the tape.

import { api } from "./api.js";
import * as details from "./detail.js";
import { isReady } from "./figures.js";
import { spaced } from "./spaced.js";
import { streamOf } from "./events.js";
import {
  contradicts, isKnown, withCollector, withDecisions, withEvents, withFigures, withLink,
  withSessions, withSnapshot, withTrouble, withWatchlist,
} from "./state.js";

const BARS = 1_500; // enough that an EMA of 200 bars no longer knows where it began
const FIGURES_MS = 10_000;
const BUDGET_MS = 5_000; // the window of a budget slides without an event
const ROWS_MS = 60_000;
const DECISIONS_MAX = 500;
const APART_MS = 500; // what many events ask for at once is asked once

const OF_THE_COLLECTOR = /^(collector|watchlist|source|fetch)\.|^market\.(refused|quote)$/;

export function createDeck(store, live) {
  // Does the work now, and once more later for all who ask while it is done or just was. What went
  // wrong is shown until the same work succeeds.
  function gathered(name, work) {
    const run = async () => {
      try {
        await work();
        store.update(withTrouble, name, null);
      } catch (failure) {
        store.update(withTrouble, name, failure);
      }
    };
    return spaced(run, APART_MS);
  }

  const withDetail = (change, ...given) => store.update((state) => {
    const detail = change(state.detail, ...given);
    return detail === state.detail ? state : { ...state, detail };
  });

  // --- the collector, the watchlist, the services ---------------------------------------------

  const collector = gathered("collector", async () => {
    if (!isReady(store.state.figures, "fetcher")) return;
    store.update(withCollector, await api.status(), Date.now());
  });

  const rows = gathered("watchlist", async () => {
    if (!isReady(store.state.figures, "fetcher") || !isReady(store.state.figures, "cache")) return;
    store.update(withWatchlist, await api.watchlist(), Date.now());
    if (!store.state.detail.loaded) wants.all();
    const lacking = [...store.state.rows.values()].filter(
      (row) => row.signal !== null && row.composite === null,
    );
    if (!lacking.length) return;
    const limit = Math.min(DECISIONS_MAX, 3 * store.state.rows.size + 10);
    store.update(withDecisions, await api.decisions(limit));
  });

  const figures = gathered("services", async () => store.update(withFigures, await api.figures()));

  const sessions = gathered("sessions", async () => {
    const told = await api.events("calendar.sessions", 1);
    const body = told.events.at(-1)?.event;
    if (body) store.update(withSessions, body);
  });

  // --- the selected ticker ---------------------------------------------------------------------

  async function load(ticker) {
    const mine = () => store.state.detail.ticker === ticker;
    const row = store.state.rows?.get(ticker);
    if (!row || !isKnown(row)) return; // asking for what is not there yet would only fail
    await failing(mine, async () => {
      const told = await api.snapshot(ticker);
      if (!mine()) return;
      withDetail(details.withSnapshot, told);
      await Promise.all([bars(), analysis()]);
    });
  }

  async function bars() {
    const { ticker, timeframe } = store.state.detail;
    if (!details.hasBars(store.state.detail)) return;
    const mine = () => store.state.detail.ticker === ticker && store.state.detail.timeframe === timeframe;
    await failing(mine, async () => {
      const told = await api.bars(ticker, timeframe, BARS);
      if (mine()) withDetail(details.withBars, told);
    });
  }

  async function analysis() {
    const { ticker, decision } = store.state.detail;
    const mine = () => store.state.detail.ticker === ticker;
    if (!decision) return;
    withDetail(details.withAsking);
    await failing(mine, async () => {
      const told = await api.analyze(ticker);
      if (mine()) withDetail(details.withAnalysis, told);
    });
  }

  async function failing(mine, work) {
    try {
      await work();
    } catch (failure) {
      if (mine()) withDetail(details.withFailure, failure);
    }
  }

  const wants = {
    all: spaced(() => load(store.state.detail.ticker), APART_MS),
    bars: spaced(bars, APART_MS),
    analysis: spaced(analysis, APART_MS),
  };

  function select(ticker, timeframe) {
    const { detail } = store.state;
    if (detail.ticker !== ticker) {
      withDetail(() => details.nothing(ticker, timeframe));
      load(ticker);
    } else if (detail.timeframe !== timeframe) {
      withDetail(details.withTimeframe, timeframe);
      bars();
    }
  }

  // --- the live stream -------------------------------------------------------------------------

  function heard(message) {
    if (message.type === "snapshot") begin(message);
    else if (message.type === "events") follow(message);
  }

  function begin(message) {
    store.update(withSnapshot, message, Date.now());
    figures();
    rows();
    sessions();
    wants.all();
  }

  function follow(message) {
    const before = store.state;
    store.update(withEvents, message);
    for (const event of message.events) {
      const asked = details.wanted(before.detail, event);
      withDetail(details.withEvent, event);
      if (asked) wants[asked]();
      if (OF_THE_COLLECTOR.test(streamOf(event))) collector();
      if (streamOf(event) === "watchlist.added" || contradicts(before, event)) rows();
      if (streamOf(event) === "calendar.sessions" && !event.event) sessions();
    }
  }

  function phase(link) {
    const changed = link.phase !== store.state.link.phase;
    store.update(withLink, link);
    if (changed && link.phase === "live") figures();
  }

  function begun() {
    live.onMessage = heard;
    live.onPhase = phase;
    live.connect();
    every(FIGURES_MS, figures);
    every(ROWS_MS, rows);
    every(BUDGET_MS, () => {
      const used = store.state.collector?.budgets.some((budget) => budget.used > 0);
      if (used || store.state.collector === null) collector();
    });
  }

  return { begun, select, load: wants.all, collector, rows };
}

function every(milliseconds, work) {
  setInterval(() => {
    if (!document.hidden) work();
  }, milliseconds);
}
