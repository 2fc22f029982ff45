// The deck's figures as /metrics tells them: whether the bus is up, and who is ready.

// The services without which no decision is made.
const EXPECTED = ["fetcher", "indicators", "cache", "analyzer"];

const LINE = /^(\w+)(?:\{([^}]*)\})? (\S+)$/gm;

// {up, degraded, head, services: {name: {ready, lag}}} of the text format of Prometheus.
export function readFigures(text) {
  const figures = { up: false, degraded: false, head: 0, services: {} };
  for (const [, name, labels, value] of text.matchAll(LINE)) {
    const service = /service="([^"]*)"/.exec(labels ?? "")?.[1];
    if (name === "tapedeck_bus_up") figures.up = value === "1.0";
    else if (name === "tapedeck_bus_degraded") figures.degraded = value === "1.0";
    else if (name === "tapedeck_tape_head") figures.head = Number(value);
    else if (name === "tapedeck_service_ready") told(figures, service).ready = value === "1.0";
    else if (name === "tapedeck_service_lag_events") told(figures, service).lag = Number(value);
  }
  return figures;
}

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
