// The deck's figures as /metrics tells them: how the bus fares, who is ready and what each met with.

// The services without which no decision is made.
const EXPECTED = ["fetcher", "indicators", "cache", "analyzer"];

const LINE = /^(\w+)(?:\{([^}]*)\})? (\S+)$/gm;

const OF_THE_BUS = {
  tapedeck_tape_head: "head",
  tapedeck_tape_bytes: "bytes",
  tapedeck_bus_batch_events: "batch",
  tapedeck_bus_resends_total: "resends",
  tapedeck_bus_refused_total: "refused",
  tapedeck_bus_bad_frames_total: "badFrames",
};
const OF_A_SERVICE = {
  tapedeck_service_lag_events: "lag",
  tapedeck_service_starts: "starts",
  tapedeck_service_dead_letters_total: "deadLetters",
  tapedeck_service_gaps_total: "gaps",
  tapedeck_service_resends_total: "resends",
  tapedeck_service_bad_frames_total: "badFrames",
};
const COMMITS = { 0.5: "commitP50", 0.99: "commitP99" }; // milliseconds, by quantile

// {up, degraded, head, ..., services: {name: {ready, lag, ...}}} of the text format of Prometheus.
export function readFigures(text) {
  const figures = { up: false, degraded: false, head: 0, services: {} };
  for (const [, name, labels, value] of text.matchAll(LINE)) {
    const service = label("service", labels);
    if (name === "tapedeck_bus_up") figures.up = value === "1.0";
    else if (name === "tapedeck_bus_degraded") figures.degraded = value === "1.0";
    else if (name === "tapedeck_bus_commit_milliseconds")
      figures[COMMITS[label("quantile", labels)]] = Number(value);
    else if (name in OF_THE_BUS) figures[OF_THE_BUS[name]] = Number(value);
    else if (name === "tapedeck_service_ready") told(figures, service).ready = value === "1.0";
    else if (name in OF_A_SERVICE) told(figures, service)[OF_A_SERVICE[name]] = Number(value);
  }
  return figures;
}

const label = (name, labels) => new RegExp(`${name}="([^"]*)"`).exec(labels ?? "")?.[1];

function told(figures, service) {
  figures.services[service] ??= { ready: false, lag: 0 };
  return figures.services[service];
}

// The services that do not answer now; all of them where the bus itself is silent.
export function missing(figures) {
  if (!figures.up) return ["bus", ...EXPECTED];
  return EXPECTED.filter((name) => !figures.services[name]?.ready);
}

export const isReady = (figures, service) => !missing(figures).includes(service);
