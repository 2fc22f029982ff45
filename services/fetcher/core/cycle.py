"""How a cycle ends: every ticker was brought or refused; n of n, these missing, because."""

from __future__ import annotations

from market.messages.fetcher import CycleFinished, Missing
from market.symbols import MARK
from services.fetcher.core import failover
from services.fetcher.core.declaration import Options
from services.fetcher.core.state import KINDS, Collector, Series


def finished(state: Collector, options: Options, now_us: int) -> CycleFinished | None:
    """The end of the cycle under way, as it is now; None where there is none."""
    if state.cycle is None:
        return None
    since_us = state.cycle.started_us
    tickers = [one for one in state.watchlist if _belongs(state.of(one), since_us)]
    missing = tuple(
        Missing(one, _reason(state, options, one, now_us))
        for one in tickers
        if not _brought(state, options, one, since_us)
    )
    return CycleFinished(
        started_at_us=since_us,
        asked=len(tickers),
        brought=len(tickers) - len(missing),
        missing=missing,
    )


def _belongs(series: Series, since_us: int) -> bool:
    """Whether the cycle wants the ticker; one that is not listed is named in every cycle."""
    return series.wanted_us >= since_us or series.listing.state != "listed"


def _brought(state: Collector, options: Options, ticker: str, since_us: int) -> bool:
    """Simulated data counts where nothing else was asked for."""
    series = state.of(ticker if options.real else ticker + MARK)
    return all(
        series.lane(kind).answered_us >= since_us for kind in KINDS if not series.lets_be(kind)
    )


def _reason(state: Collector, options: Options, ticker: str, now_us: int) -> str:
    """What the ticker's own refusals say; without any, what keeps the sources from being asked."""
    listing = state.of(ticker).listing
    if listing.state != "listed":
        return f"{listing.state}: {listing.because}; asked for once a day"
    lanes = [state.of(ticker).lane(kind) for kind in KINDS]
    said = {f"{one.source}: {one.reason}": one.at_us for lane in lanes for one in lane.refusals}
    texts = sorted(said, key=said.__getitem__)
    if not texts:
        gates = {one.name: state.gate_of(one.name, "bars") for one in options.real}
        texts = [f"{name}: {one.reason}" for name, one in gates.items() if one.until_us > now_us]
    texts = texts or ["no source brought it in time"]
    if options.real and failover.simulates(state, options, ticker, now_us):
        texts.append("simulated instead")
    return "; ".join(texts)
