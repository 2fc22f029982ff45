"""What is decided of the stream: when to connect, what to say of its trades, when to hang up."""

from __future__ import annotations

from collections.abc import Iterator

from bus.actor import Effect, Output
from market.messages.fetcher import FetchRefused, Quote, Reason, SourceCalled
from market.messages.stream import StreamClosed, StreamOpened, StreamRefused
from services.fetcher.core import budget, failover, gates, streaming
from services.fetcher.core.answers import Failure, QuoteAnswer
from services.fetcher.core.declaration import Declaration, Options
from services.fetcher.core.doubt import quote_doubt
from services.fetcher.core.fold import Draft
from services.fetcher.core.hearing import Tick
from services.fetcher.core.state import Collector, Frame, Lane
from services.fetcher.core.streaming import ALL, SECOND_US
from services.fetcher.core.telling import tell_failure, tell_loss
from services.fetcher.core.validate import quote_fault
from services.fetcher.stream.effects import Connect, Connected, HangUp, Heard, Listen

UNCHANGED_US = 15 * SECOND_US
"""A price that is still the same is said again only so often: it tells nothing but its time."""

TOLD_AGAIN_US = 60 * SECOND_US
"""A ticker's trades that are refused are told of at once, and then once a minute.

Each time others are asked for the price, so that bad trades cost no more calls than that.
"""

WATCH_US = 5 * SECOND_US
"""Listening goes on by itself, second by second; if that ever stops, it begins again so soon."""

LOST = Failure("unreachable", "no connection before the deadline")


class StreamDesk:
    """The decisions of the stream, under the options that hold while this process lives."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def connected(self, state: Collector, command: Connected, now_us: int) -> Output:
        """Say that the connection stands, unless it was given up meanwhile."""
        draft, call = Draft(state, now_us), command.call
        if not state.stream.flight or state.stream.attempt != call.deadline_us:
            return [HangUp(call.deadline_us)]
        draft.say(StreamOpened(call.source))
        self._closes_breaker(draft, call.source)
        return draft.events

    def heard(self, state: Collector, command: Heard, now_us: int) -> Output:
        """Say the prices that are believed, what was refused, and if the connection is gone."""
        draft, stream = Draft(state, now_us), state.stream
        if not stream.opened_us or stream.attempt != command.attempt:
            return []
        for tick in command.ticks:
            _tell_tick(draft, self.options.declared(stream.source), tick)
        if command.refused:
            draft.say(StreamRefused(stream.source, command.refused))
        if command.failure:
            draft.say(StreamClosed(stream.source, command.failure.message))
            call = SourceCalled(stream.source, "trades", ALL, None, stream.attempt)
            tell_loss(draft, self.options, call, command.failure)
        else:
            self._closes_breaker(draft, stream.source)
        return draft.events

    def due(self, draft: Draft) -> list[Effect]:
        """Connect when it is time, go on listening, or hang up when nobody is wanted any more."""
        state, now_us = draft.state, draft.now_us
        stream, tickers = state.stream, streaming.wanted(state, self.options, now_us)
        if flight := stream.flight:
            if flight.deadline_us <= now_us:
                call = SourceCalled(stream.source, "trades", ALL, None, stream.attempt)
                tell_failure(draft, self.options, call, LOST)
                return [HangUp(stream.attempt)]
            return []
        if stream.opened_us and tickers:
            return [Listen(stream.attempt, tickers)]
        if stream.opened_us:
            draft.say(StreamClosed(stream.source, self._why_not(state)))
            return [HangUp(stream.attempt)]
        return self._connect(draft, tickers)

    def alarms(self, state: Collector, now_us: int) -> Iterator[int]:
        """When time alone makes something due."""
        source, stream = streaming.source_of(self.options), state.stream
        if source is None:
            return
        yield streaming.turns_us(state, now_us) if state.running else 0
        yield stream.flight.deadline_us if stream.flight else 0
        if stream.opened_us:
            yield now_us + WATCH_US
        elif streaming.wanted(state, self.options, now_us):
            yield self._free_us(state, source, now_us)

    def _connect(self, draft: Draft, tickers: tuple[str, ...]) -> list[Effect]:
        state, now_us = draft.state, draft.now_us
        source = streaming.source_of(self.options)
        if source is None or not tickers or self._free_us(state, source, now_us) > now_us:
            return []
        deadline_us = now_us + round(source.lost_after_seconds * SECOND_US)
        call = SourceCalled(source.name, "trades", ALL, None, deadline_us)
        draft.say(call)
        return [Connect(call, tickers)]

    def _free_us(self, state: Collector, source: Declaration, now_us: int) -> int:
        """When a connection may be tried: it counts in the source's budget like any other call."""
        health = state.health_of(source.name)
        free_us = budget.free_at(health, source, now_us, urgent=False)
        return max(free_us, streaming.may_try_us(state, source))

    def _why_not(self, state: Collector) -> str:
        if not state.running:
            return "the collector was stopped"
        source = streaming.source_of(self.options)
        return "the market is closed" if source else "streaming is switched off"

    def _closes_breaker(self, draft: Draft, source: str) -> None:
        declared = self.options.declared(source)
        draft.say(*gates.after_answer(draft.state, declared, "trades"))


def _tell_tick(draft: Draft, source: Declaration, tick: Tick) -> None:
    """Say a second's trades of a ticker as one quote, if they tell anything new and believed."""
    state, now_us = draft.state, draft.now_us
    series = state.series.get(tick.ticker)
    if series is None or not series.tracked or not _is_news(series.lane("quote"), tick, now_us):
        return  # of no ticker that is tracked now, or nothing new
    lane = series.lane("quote")
    told = QuoteAnswer(price=tick.price, market_time_us=tick.at_us)
    if fault := quote_fault(told, lane.latest_us, now_us):
        _refuse(draft, source, tick, "invalid", fault)
    elif tick.at_us < lane.latest_us:
        return  # a poll has told a later trade
    elif doubt := quote_doubt(series, told, source.name, now_us):
        _refuse(draft, source, tick, "doubtful", doubt)
    else:
        draft.say(_quote(streaming.frame_of(state, tick.ticker, tick.at_us), source, tick))


def _is_news(lane: Lane, tick: Tick, now_us: int) -> bool:
    """No more than a quote a second, whatever comes; the same price again only now and then.

    A clock that was set back does not make everybody wait until it has caught up.
    """
    pause_us = UNCHANGED_US if tick.price == lane.price else SECOND_US
    return not 0 <= now_us - lane.frame.said_us < pause_us


def _quote(frame: Frame, source: Declaration, tick: Tick) -> Quote:
    """The last price within the day's frame, as far as that is known."""
    return Quote(
        ticker=tick.ticker,
        price=tick.price,
        source=source.name,
        market_time_us=tick.at_us,
        open=frame.open,
        high=max(frame.high, tick.high) if frame.high else None,
        low=min(frame.low, tick.low) if frame.low else None,
        previous_close=frame.previous_close,
        streamed=True,
    )


def _refuse(draft: Draft, source: Declaration, tick: Tick, reason: Reason, message: str) -> None:
    """Say why a ticker's trade is not believed, once a minute; others are asked meanwhile."""
    state, now_us = draft.state, draft.now_us
    lane = state.of(tick.ticker).lane("quote")
    if 0 <= now_us - lane.frame.refused_us < TOLD_AGAIN_US:
        return
    value = tick.price if reason == "doubtful" else 0.0
    failure = Failure(reason, message, value=value)
    call = SourceCalled(source.name, "trades", tick.ticker)
    health = state.health_of(source.name)
    retry_at_us = failover.retry_at_us(lane, health, source, call, failure, now_us)
    draft.say(
        FetchRefused(
            tick.ticker, "trades", source.name, reason, message, None, retry_at_us, "", value
        )
    )
