// The Command Center: puts the parts together, and draws the state when it changes or time passes.

import { createActions } from "./view/actions.js";
import { AddField } from "./view/add.js";
import { Banners } from "./view/banners.js";
import { Bus } from "./view/bus.js";
import { Collector } from "./view/collector.js";
import { Conversation } from "./deck/conversation.js";
import { mark } from "./view/dom.js";
import { arrow, percent, price } from "./model/format.js";
import { Header } from "./view/header.js";
import { listenToKeys } from "./view/keys.js";
import { readRoute, writeRoute } from "./model/route.js";
import { initial } from "./model/state.js";
import { createStore } from "./deck/store.js";
import { Tape } from "./view/tape.js";
import { Ticker } from "./view/ticker.js";
import { Watchlist } from "./view/watchlist.js";

const TICK_MS = 1_000; // ages and countdowns
const WIDE = matchMedia("(min-width: 900px)"); // as in style/layout.css

const store = createStore(initial, draw);
const deck = new Conversation(store);
const actions = createActions(deck.overview);
const at = (id) => document.getElementById(id);

let wanted = ""; // what is typed into the field
let chosen = ""; // the ticker shown though the address names none

// --- what a person looks at ----------------------------------------------------------------------

const go = (change) => {
  location.hash = writeRoute({ ...readRoute(), ...change });
};
const open = (ticker) => go({ ticker });
const back = () => go({ ticker: "", timeframe: "1d" });
const setTimeframe = (timeframe) => go({ ticker: store.state.detail.ticker, timeframe });

function sort(name, descendingFirst) {
  const { sort: before, descending } = readRoute();
  go({ sort: name, descending: before === name ? !descending : descendingFirst });
}

// Where there is room for both, the first ticker is shown until one is chosen.
function look() {
  const { ticker, timeframe } = readRoute();
  mark(document.body, "data-showing", ticker ? "ticker" : "list");
  if (!ticker && WIDE.matches) chosen ||= store.state.rows?.keys().next().value ?? "";
  deck.selection.select(ticker || (WIDE.matches ? chosen : ""), timeframe);
  store.redraw();
}

// --- the parts -----------------------------------------------------------------------------------

const ticker = new Ticker(at("ticker"), { actions, onTimeframe: setTimeframe, onBack: back });
const watchlist = new Watchlist(at("watchlist"), { actions, onSort: sort, onOpen: open });
const field = new AddField(at("add"), {
  actions,
  onOpen: open,
  isTracked: (name) => store.state.rows?.has(name) ?? false,
  onFind: (text) => {
    wanted = text;
    store.redraw();
  },
});
const views = [
  new Header(at("header"), () => ticker.recolour()),
  new Banners(document.body),
  new Collector(at("collector"), actions),
  new Bus(at("bus"), actions),
  new Tape(at("tape")),
  ticker,
];

function draw(state) {
  const now = Date.now();
  if (WIDE.matches && state.rows?.size && !state.detail.ticker) look();
  for (const view of views) view.show(state, now);
  watchlist.show(state, readRoute(), wanted, now);
  mark(document.documentElement, "data-link", state.link.phase);
  mark(document.documentElement, "data-ready", state.settled && state.rows !== null);
  document.title = titleOf(state);
}

function titleOf(state) {
  const row = state.rows?.get(state.detail.ticker);
  if (!row || row.price === null) return "Tapedeck";
  const change =
    row.changePercent === null ? "" : ` ${arrow(row.changePercent)}${percent(row.changePercent)}`;
  return `${row.simulated ? "SIM " : ""}${row.ticker} ${price(row.price)}${change} · Tapedeck`;
}

listenToKeys({
  order: () => watchlist.order(),
  link: (ticker) => watchlist.link(ticker),
  onOpen: open,
  focusField: () => field.focus(),
});
addEventListener("hashchange", look);
WIDE.addEventListener("change", look);
setInterval(store.redraw, TICK_MS);
look();
deck.begin();
