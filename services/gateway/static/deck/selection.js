// What is asked about the selected ticker: its snapshot, bars, headlines, its analysis.

import * as details from "../model/detail.js";
import { isKnown } from "../model/rows.js";
import { api } from "./api.js";
import { APART_MS, spaced } from "./spaced.js";

const HEADLINES = 12;
const BARS = 1_500; // enough that an EMA of 200 bars no longer knows where it began

export class Selection {
  constructor(store, overview) {
    this.store = store;
    this.overview = overview;
    // By the answers of details.wanted.
    this.wants = {
      all: spaced(() => this.load(), APART_MS),
      bars: spaced(() => this.askBars(), APART_MS),
      analysis: spaced(() => this.askAnalysis(), APART_MS),
      news: spaced(() => this.askNews(), APART_MS),
    };
  }

  get detail() {
    return this.store.state.detail;
  }

  change(change, ...given) {
    this.store.update((state) => {
      const detail = change(state.detail, ...given);
      return detail === state.detail ? state : { ...state, detail };
    });
  }

  select(ticker, timeframe) {
    if (this.detail.ticker !== ticker) {
      this.change(() => details.nothing(ticker, timeframe));
      this.load();
    } else if (this.detail.timeframe !== timeframe) {
      this.change(details.withTimeframe, timeframe);
      this.askBars();
    }
  }

  // Nothing is asked of a ticker of which nothing is there yet: that would only be refused.
  async load() {
    const row = this.store.state.rows?.get(this.detail.ticker);
    if (!row || !isKnown(row) || !this.overview.ready("cache")) return;
    await this.ask(({ ticker }) => api.snapshot(ticker), details.withSnapshot);
    await Promise.all([this.askBars(), this.askAnalysis(), this.askNews()]);
  }

  async askBars() {
    if (!details.hasBars(this.detail)) return;
    await this.ask(({ ticker, timeframe }) => api.bars(ticker, timeframe, BARS), details.withBars);
  }

  async askAnalysis() {
    if (!this.detail.decision || !this.overview.ready("analyzer")) return;
    this.change(details.withAsking);
    await this.ask(({ ticker }) => api.analyze(ticker), details.withAnalysis);
  }

  async askNews() {
    if (!this.overview.ready("cache")) return;
    await this.ask(({ ticker }) => api.news(ticker, HEADLINES), details.withNews);
  }

  // An answer that comes when another ticker is looked at is nobody's any more.
  async ask(question, change) {
    const { ticker } = this.detail;
    const still = () => this.detail.ticker === ticker;
    try {
      const told = await question(this.detail);
      if (still()) this.change(change, told);
    } catch (failure) {
      if (still()) this.change(details.withFailure, failure);
    }
  }
}
