"""The collector: keeps the watched tickers fresh, from whichever source answers.

Hears, all its own words, so that its state is a fold of the tape: collector.started, .stopped,
.cycling and .cycled, watchlist.added and .removed, fetch.requested, source.called,
source.gated, .slowed and .shared, raw.lost, market.quote, .bars, .missing, .refused, .unsettled,
.corrected, .actions and .listing, collector.backfilled, backfill.cancelled, calendar.sessions,
stream.opened, .closed and .refused.

Says the same.

Takes Start, Stop, Restart, AddTicker, RemoveTicker, FetchNow, CancelBackfill; answers
CollectorStatus.
"""
