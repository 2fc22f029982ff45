// The deck's HTTP door: answers as they come, refusals as a Failure with its remedy.

import { readFigures } from "./figures.js";

const PATIENCE_MS = 45_000;

export class Failure extends Error {
  constructor({ code, message, remedy }) {
    super(message);
    this.code = code;
    this.remedy = remedy;
  }
}

const UNREACHABLE = {
  code: "unreachable",
  message: "The deck does not answer",
  remedy: "start it in its folder: make run",
};

async function ask(method, path, body) {
  const headers = body ? { "content-type": "application/json" } : {};
  return read(await reached(path, { method, headers, body: body && JSON.stringify(body) }));
}

async function reached(path, request) {
  try {
    return await fetch(path, { ...request, signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    throw new Failure(UNREACHABLE); // the browser's own words for it differ, and help nobody
  }
}

async function read(response) {
  const told = await response.json().catch(() => null);
  if (told?.error && !response.ok) throw new Failure(told.error);
  if (!response.ok || told === null) {
    throw new Failure({
      code: "bad_answer",
      message: `The deck answered with status ${response.status} and nothing readable`,
      remedy: "its log says more: ./tapedeck log gateway",
    });
  }
  return told;
}

// Who is ready, from the figures that monitoring reads: they come with status 200 also while the
// deck is not ready, where /health/ready says 503 and every browser would log an error for it.
async function figures() {
  const response = await reached("/metrics", {});
  return readFigures(await response.text());
}

const of = (ticker) => encodeURIComponent(ticker);

export const api = {
  status: () => ask("GET", "/api/collector/status"),
  watchlist: () => ask("GET", "/api/tickers"),
  decisions: (limit) => ask("GET", `/api/decisions?limit=${limit}`),
  events: (subject, limit) => ask("GET", `/api/events?subject=${of(subject)}&limit=${limit}`),
  event: (seq) => ask("GET", `/api/events?from_seq=${seq}&limit=1`),
  snapshot: (ticker) => ask("GET", `/api/tickers/${of(ticker)}/snapshot`),
  bars: (ticker, timeframe, limit) =>
    ask("GET", `/api/tickers/${of(ticker)}/bars?timeframe=${timeframe}&limit=${limit}`),
  news: (ticker, limit) => ask("GET", `/api/tickers/${of(ticker)}/news?limit=${limit}`),
  analyze: (ticker) => ask("GET", `/api/analyze/${of(ticker)}`),
  figures,
  letters: (limit) => ask("GET", `/api/letters?limit=${limit}`),
  replay: (service, seq) => ask("POST", "/api/letters/replay", { service, seq }),
  start: () => ask("POST", "/api/collector/start"),
  stop: () => ask("POST", "/api/collector/stop"),
  restart: () => ask("POST", "/api/collector/restart"),
  fetch: (ticker) => ask("POST", "/api/collector/fetch", ticker ? { ticker } : {}),
  cancel: (job) => ask("POST", "/api/jobs/cancel", { job }),
  add: (ticker) => ask("POST", "/api/collector/ticker/add", { ticker }),
  remove: (ticker) => ask("POST", "/api/collector/ticker/remove", { ticker }),
};
