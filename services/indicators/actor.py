"""The indicators as an actor: bars go in, the readings of every timeframe come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import msgspec

from bus.actor import Actor, Output, Refused
from bus.message import Command, Fact
from market.bars import Series
from market.messages.fetcher import Bars, Timeframe
from market.messages.indicators import (
    FormingIndicators,
    Indicators,
    IndicatorsConfigured,
    IndicatorSettings,
)
from services.indicators.core.following import Change, Followed, Key, Told, follow

PERIOD_MIN, PERIOD_MAX = 2, 1_000


class Configure(Command, frozen=True):
    """Use these periods from here on; told to itself at the start, from the settings files."""

    service: ClassVar[str] = "indicators"

    settings: IndicatorSettings


class State(msgspec.Struct, frozen=True):
    """Every series by ticker and timeframe, and the periods in force since ``settings_seq``.

    While the tape holds no settings, ``configured`` is null and the defaults are in force.
    """

    tickers: dict[str, dict[Timeframe, Followed]] = {}
    configured: IndicatorSettings | None = None
    settings_seq: int = 0

    @property
    def settings(self) -> IndicatorSettings:
        """The periods in force."""
        return self.configured or IndicatorSettings()


indicators = Actor("indicators", State)


@indicators.evolve(Bars, batch=True)
def take_bars(state: State, facts: Sequence[Fact[Bars]]) -> State:
    """Follow each series whose bars changed; a repeated last word changes nothing.

    A part of an answer that goes on waits for the rest: no reading is of half a history.
    """
    changes: dict[Key, Change] = {}
    parts: dict[Key, Followed] = {}
    for fact in facts:
        ticker, timeframe = key = fact.event.ticker, fact.event.timeframe
        followed = state.tickers.get(ticker, {}).get(timeframe, Followed())
        bars = (followed.coming or followed.bars).merge(Series.of(fact.event))
        if fact.event.more:
            parts[key] = msgspec.structs.replace(followed, coming=bars)
        elif bars != followed.bars:
            changes[key] = Change(followed, bars, fact.seq, fact.seq, fact.seq)
        elif followed.coming:
            parts[key] = msgspec.structs.replace(followed, coming=None)
    return _with(state, parts | follow(changes, state.settings))


@indicators.evolve(IndicatorsConfigured)
def take_settings(state: State, fact: Fact[IndicatorsConfigured]) -> State:
    """Compute every series again, from its first bar."""
    settings = fact.event.settings
    changes = {
        (ticker, timeframe): Change.again(followed, fact.seq)
        for ticker, timeframes in state.tickers.items()
        for timeframe, followed in timeframes.items()
    }
    configured = State(state.tickers, settings, fact.seq)
    return _with(configured, follow(changes, settings))


@indicators.react(Bars, batch=True)
def tell_bars(
    state: State, facts: Sequence[Fact[Bars]]
) -> Iterator[Indicators | FormingIndicators]:
    """Say what each fact changed: the closed readings, the peeks, or nothing."""
    for fact in facts:
        timeframes = state.tickers[fact.event.ticker]
        changed = timeframes[fact.event.timeframe]
        if changed.now.seq != fact.seq:
            continue
        told = {timeframe: each.as_of(fact.seq) for timeframe, each in timeframes.items()}
        if changed.now.closed != changed.before.closed:
            yield _computed(state, fact.event.ticker, told)
        if changed.now.forming != changed.before.forming:
            yield _forming(state, fact.event.ticker, told)


@indicators.react(IndicatorsConfigured)
def tell_settings(
    state: State, fact: Fact[IndicatorsConfigured]
) -> Iterator[Indicators | FormingIndicators]:
    """Say every reading again, under the new periods, ticker by ticker in their own order."""
    for ticker, timeframes in sorted(state.tickers.items()):
        told = {timeframe: each.as_of(fact.seq) for timeframe, each in timeframes.items()}
        if any(each.closed for each in told.values()):
            yield _computed(state, ticker, told)
        if any(each.forming for each in told.values()):
            yield _forming(state, ticker, told)


@indicators.decide(Configure)
def configure(state: State, command: Configure, now_us: int) -> Output:
    """Put other periods than the tape's on the tape; refuse those that mean nothing."""
    del now_us
    wrong = _wrong(command.settings)
    if wrong:
        remedy = "correct the section [indicators] of the settings"
        raise Refused(
            "invalid_settings", f"the periods of the indicators are wrong: {wrong}", remedy
        )
    if command.settings == state.configured:
        return []
    return [IndicatorsConfigured(command.settings)]


def _with(state: State, changed: Mapping[Key, Followed]) -> State:
    """The state with these series; shares all the others."""
    tickers = dict(state.tickers)
    for (ticker, timeframe), followed in changed.items():
        tickers[ticker] = {**tickers.get(ticker, {}), timeframe: followed}
    return msgspec.structs.replace(state, tickers=tickers)


def _computed(state: State, ticker: str, told: Mapping[Timeframe, Told]) -> Indicators:
    readings = {timeframe: each.closed for timeframe, each in told.items() if each.closed}
    return Indicators(ticker, readings, state.settings_seq)


def _forming(state: State, ticker: str, told: Mapping[Timeframe, Told]) -> FormingIndicators:
    readings = {timeframe: each.forming for timeframe, each in told.items() if each.forming}
    return FormingIndicators(ticker, readings, state.settings_seq)


def _wrong(settings: IndicatorSettings) -> str:
    """The first rule that the periods break, in words; empty where they break none."""
    for name, bars in msgspec.structs.asdict(settings).items():
        if not PERIOD_MIN <= bars <= PERIOD_MAX:
            return f"{name} is {bars}, not between {PERIOD_MIN} and {PERIOD_MAX} bars"
    if not settings.macd_fast < settings.macd_slow:
        return "macd_fast is not shorter than macd_slow"
    if not settings.ema_short < settings.ema_medium < settings.ema_long:
        return "ema_short, ema_medium and ema_long do not grow"
    return ""
