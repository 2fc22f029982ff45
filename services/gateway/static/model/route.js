// The address holds what is looked at: #NVDA/1h?sort=-rsi, so that any view can be shared.

export const TIMEFRAMES = ["1d", "1h"];

export function readRoute(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  const [ticker = "", timeframe = ""] = path.split("/").map(decoded);
  const sort = new URLSearchParams(query).get("sort") ?? "";
  return {
    ticker: ticker.toUpperCase(),
    timeframe: TIMEFRAMES.includes(timeframe) ? timeframe : "1d",
    sort: sort.replace(/^-/, ""),
    descending: sort.startsWith("-"),
  };
}

// An address that somebody mistyped names no ticker, and is no reason to stop.
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

export function writeRoute({ ticker, timeframe, sort, descending }) {
  const path = ticker
    ? encodeURIComponent(ticker) + (timeframe === "1d" ? "" : `/${timeframe}`)
    : "";
  const query = sort ? `?sort=${descending ? "-" : ""}${sort}` : "";
  return `#${path}${query}`;
}
