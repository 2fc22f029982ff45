"""What a source declares of itself, and what the collector was set to at its start."""

from __future__ import annotations

import msgspec

from market.messages.fetcher import Asked, Caller


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """A source's own statement: what it can bring, how often it may be asked, what it needs.

    ``per_minute`` and ``per_second`` bound any sliding window (0: no bound); ``together`` is how
    many calls may be under way at once, counted over all sources with the same ``worker``. A call
    that says nothing for ``lost_after_seconds`` is lost. With ``quote_with_bars`` the daily bars
    bring the last price along. An answer larger than ``answer_bytes_max`` is not read. After a 429
    without a told time the source rests ``pause_seconds``, doubled at each one in a row up to
    ``pause_seconds_max``. ``key_hash`` tells the key in use from another one; empty where the
    source needs none. The last ``reserve_per_minute`` calls of a minute are for who waits, not for
    cycles. An ``adaptive`` source's budget is halved at a 429, and creeps up again.
    With ``shares_only`` it is not asked for indices, coins, currencies and futures. Its stream, if
    it has one, tells the trades of ``streams`` tickers at most.
    """

    name: Caller
    capabilities: tuple[Asked, ...]
    worker: str
    together: int
    lost_after_seconds: float
    per_minute: int = 0
    per_second: int = 0
    reserve_per_minute: int = 0
    adaptive: bool = False
    quote_with_bars: bool = False
    pause_seconds: float = 60.0
    pause_seconds_max: float = 60.0
    answer_bytes_max: int = 1_000_000
    key_hash: str = ""
    shares_only: bool = False
    streams: int = 0


class Unusable(msgspec.Struct, frozen=True):
    """A source that was named in the settings and cannot be asked, and why."""

    name: Caller
    reason: str


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator set: fixed while the process lives, never on the tape.

    ``watchlist`` holds canonical tickers, for the very first start. Headlines are asked for every
    ``news_seconds`` while the market is open, and whether it is every ``market_status_seconds``;
    0: never.
    """

    sources: tuple[Declaration, ...]
    calendar: Declaration
    unusable: tuple[Unusable, ...] = ()
    interval_seconds: int = 300
    news_seconds: int = 0
    market_status_seconds: int = 0
    auto_start: bool = True
    watchlist: tuple[str, ...] = ()
    extended_symbols: bool = False
    seed: int = 7

    @property
    def real(self) -> tuple[Declaration, ...]:
        """The sources of real data, in the order in which they are asked."""
        return tuple(source for source in self.sources if source.name != "simulated")

    @property
    def simulated(self) -> Declaration | None:
        """The source of simulated data, where it was not switched off."""
        return next((source for source in self.sources if source.name == "simulated"), None)

    def declared(self, name: str) -> Declaration:
        """The declaration of a source by its name; KeyError for one that is not in use."""
        found = {source.name: source for source in (*self.sources, self.calendar)}
        return found[name]
