// The exchange's table of sessions, read at an instant; pure. Beyond the table nothing is known.

import { DASH, day, minute, moment, span } from "./format.js";

const USUAL_MS = 6.5 * 3600_000;

// The session under way, the last one that closed and the next that opens; null where unknown.
export function sessionAt(table, now) {
  const nothing = { running: null, last: null, next: null };
  if (!table?.length || now < table[0].open || now > table.at(-1).close) return nothing;
  const next = table.findIndex((session) => session.open > now);
  const begun = table[(next < 0 ? table.length : next) - 1];
  const running = now < begun.close ? begun : null;
  return {
    running,
    last: running ? (table[table.indexOf(begun) - 1] ?? null) : begun,
    next: next < 0 ? null : table[next],
  };
}

// {state, text, title}: what the market does, until when, and whether that day is a short one.
export function marketWords(collector, table, now) {
  if (collector?.halted) return denied(collector.market_told);
  const { running, next } = sessionAt(table, now);
  if (running) {
    const short = running.close - running.open < USUAL_MS ? " (half day)" : "";
    return {
      state: "open",
      text: `Market open, closes ${minute(running.close)} ET${short}`,
      title: `Closes in ${span((running.close - now) / 1000)}`,
    };
  }
  if (next) {
    const short = next.close - next.open < USUAL_MS ? " (half day)" : "";
    return {
      state: "closed",
      text: `Market closed, opens ${opens(next.open, now)}${short}`,
      title: `Opens in ${span((next.open - now) / 1000)}`,
    };
  }
  return told(collector, now);
}

// A source denies the session that the table has.
function denied(told) {
  const { source, holiday } = told ?? { source: "a source", holiday: "" };
  const why = holiday ? `: ${holiday}` : "";
  return {
    state: "closed",
    text: `Market closed${why}, says ${source}`,
    title: "The calendar has a session; the banner says what follows.",
  };
}

const opens = (at, now) => (day(at) === day(now) ? moment(at, now) : `${day(at)} ${minute(at)} ET`);

// Without the table: the collector's own word.
function told(collector, now) {
  if (!collector) return { state: "unknown", text: `Market ${DASH}`, title: "" };
  const opening = collector.next_session ? Date.parse(collector.next_session) : null;
  const more = opening && collector.market === "closed" ? `, opens ${opens(opening, now)}` : "";
  const title =
    collector.market === "unknown"
      ? "The trading calendar is not known yet, so the deck collects as if the market were open."
      : "";
  const text =
    collector.market === "unknown" ? "Market hours unknown" : `Market ${collector.market}`;
  return { state: collector.market, text: text + more, title };
}
