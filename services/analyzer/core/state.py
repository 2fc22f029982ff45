"""What the analyzer knows: evidence, the decisions it made and recorded, prices, calls to sources.

A decision is made while its evidence is folded, so that it follows from the order of the evidence
alone, and not from when its own echo comes back. Until then it stands in ``made`` and not yet in
``recorded``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from msgspec.structs import replace

from bus.message import Event, Fact
from market.decision.decide import decide
from market.evidence import Book, gather, learn, touched_by
from market.messages.analyzer import AnalysisConfigured, AnalysisSettings, Decision
from market.messages.analyzer import Evidence as Named
from market.messages.cache import CacheCleared
from market.messages.fetcher import Bars, FetchRefused, Quote, Reason, Sessions, SourceCalled
from market.messages.indicators import Indicators
from market.sessions import NO_SESSIONS
from market.symbols import plain

ATTEMPTS_MAX = 500
"""Tickers whose last calls are remembered; beyond it the one called longest ago is forgotten."""


class Made(msgspec.Struct, frozen=True):
    """The last decision that follows from the evidence, and the instant of the evidence."""

    decision: Decision
    at_us: int


class Recorded(msgspec.Struct, frozen=True):
    """The last decision on the tape."""

    decision: Decision
    seq: int
    at_us: int


class Price(msgspec.Struct, frozen=True):
    """The last quote: the price, the provider's time of it, and when it was heard."""

    price: float
    market_time_us: int
    at_us: int


class Attempt(msgspec.Struct, frozen=True):
    """The last call for one kind of data that has brought nothing yet.

    Under way until ``deadline_us``, or refused: then ``refusal`` tells by whom and why.
    """

    at_us: int
    deadline_us: int = 0
    refusal: str = ""
    reason: Reason | None = None


class State(msgspec.Struct, frozen=True):
    """Everything by key (a simulated series has its own), but ``attempts`` by plain ticker.

    ``seq`` is that of the last event heard; ``settings_seq`` is 0 while the defaults hold;
    ``cleared`` says when the cache of a key was cleared last, under an empty key that of all.
    """

    seq: int = 0
    settings: AnalysisSettings = msgspec.field(default_factory=AnalysisSettings)
    settings_seq: int = 0
    sessions: Sessions = NO_SESSIONS
    book: Book = Book()
    made: dict[str, Made] = {}
    recorded: dict[str, Recorded] = {}
    prices: dict[str, Price] = {}
    attempts: dict[str, dict[str, Attempt]] = {}
    cleared: dict[str, int] = {}


def learned(state: State, fact: Fact[Indicators]) -> State:
    """New evidence; decisions follow for every ticker that it touches."""
    book = learn(state.book, fact.seq, fact.at_us, fact.event)
    state = replace(state, seq=fact.seq, book=book)
    return _decided(state, _concerned(book, fact.event), fact.at_us)


def configured(state: State, fact: Fact[AnalysisConfigured]) -> State:
    """New settings; decisions follow for every ticker."""
    settings = fact.event.settings
    state = replace(state, seq=fact.seq, settings=settings, settings_seq=fact.seq)
    return _decided(state, _concerned(state.book, fact.event), fact.at_us)


def recorded(state: State, fact: Fact[Decision]) -> State:
    """A decision came back from the tape, which has the last word on what was said.

    One that rests on older evidence than the last made is the echo of one before.
    """
    decision, key = fact.event, fact.event.ticker
    state = replace(
        state,
        seq=fact.seq,
        recorded={**state.recorded, key: Recorded(decision, fact.seq, fact.at_us)},
    )
    made = state.made.get(key)
    if made and cue(decision.evidence) < cue(made.decision.evidence):
        return state
    return replace(state, made={**state.made, key: Made(decision, fact.at_us)})


def quoted(state: State, fact: Fact[Quote]) -> State:
    """A new price, and the end of the call for it."""
    quote = fact.event
    price = Price(quote.price, quote.market_time_us, fact.at_us)
    state = _ended(state, quote.ticker, "quote")
    return replace(state, seq=fact.seq, prices={**state.prices, quote.ticker: price})


def barred(state: State, fact: Fact[Bars]) -> State:
    """The end of the call for the bars; what they say comes as indicators."""
    state = replace(state, seq=fact.seq)
    return _ended(state, fact.event.ticker, fact.event.timeframe)


def called(state: State, fact: Fact[SourceCalled]) -> State:
    """A source is being asked."""
    call = fact.event
    attempt = Attempt(fact.at_us, deadline_us=call.deadline_us)
    return _attempted(state, fact.seq, call.ticker, call.timeframe or call.capability, attempt)


def refused(state: State, fact: Fact[FetchRefused]) -> State:
    """A source brought nothing."""
    refusal = fact.event
    text = f"{refusal.source}: {refusal.message or refusal.reason.replace('_', ' ')}"
    attempt = Attempt(fact.at_us, refusal=text, reason=refusal.reason)
    kind = refusal.timeframe or refusal.capability
    return _attempted(state, fact.seq, refusal.ticker, kind, attempt)


def opened(state: State, fact: Fact[Sessions]) -> State:
    """A new calendar."""
    return replace(state, seq=fact.seq, sessions=fact.event)


def cleared(state: State, fact: Fact[CacheCleared]) -> State:
    """Nothing held by now counts as fresh."""
    return replace(state, seq=fact.seq, cleared={**state.cleared, fact.event.ticker: fact.at_us})


FOLDS: dict[type[Event], Callable[..., State]] = {
    Indicators: learned,
    AnalysisConfigured: configured,
    Decision: recorded,
    Quote: quoted,
    Bars: barred,
    SourceCalled: called,
    FetchRefused: refused,
    Sessions: opened,
    CacheCleared: cleared,
}
"""Every event that the analyzer hears, with what it does."""


def made_by(state: State, fact: Fact[Indicators] | Fact[AnalysisConfigured]) -> list[Decision]:
    """The decisions that the fact was the cue for, by key."""
    made = (state.made.get(key) for key in _concerned(state.book, fact.event))
    return [one.decision for one in made if one and cue(one.decision.evidence) == fact.seq]


def cue(evidence: Named) -> int:
    """The seq of the event that a decision was made by: the newest it rests on."""
    return max(evidence.indicators, evidence.settings, *evidence.market.values())


def _concerned(book: Book, event: Indicators | AnalysisConfigured) -> Iterable[str]:
    """The keys whose decisions may change with the event, sorted."""
    if isinstance(event, Indicators):
        return touched_by(book, event.ticker)
    return sorted(book.readings)


def _decided(state: State, keys: Iterable[str], at_us: int) -> State:
    """The state with the decisions on these keys; one that says nothing new is not made."""
    made = dict(state.made)
    for key in keys:
        evidence, before = gather(state.book, key, state.settings_seq), made.get(key)
        if evidence is None or (before and before.decision.evidence == evidence.named):
            continue
        decision = decide(evidence, state.settings)
        if before is None or not _same(before.decision, decision):
            made[key] = Made(decision, at_us)
    return replace(state, made=made)


def _same(one: Decision, other: Decision) -> bool:
    """Whether two decisions differ in no more than the seqs of their evidence."""
    return replace(one, evidence=other.evidence) == other


def _attempted(state: State, seq: int, key: str, kind: str, attempt: Attempt) -> State:
    """The state with the last call for a kind of data: ``quote``, or the timeframe of bars."""
    ticker = plain(key)
    others = {name: kinds for name, kinds in state.attempts.items() if name != ticker}
    kinds = {**state.attempts.get(ticker, {}), kind: attempt}
    latest = list(others.items())[1 - ATTEMPTS_MAX :]
    return replace(state, seq=seq, attempts={**dict(latest), ticker: kinds})


def _ended(state: State, key: str, kind: str) -> State:
    ticker = plain(key)
    if kind not in state.attempts.get(ticker, {}):
        return state
    kinds = {name: one for name, one in state.attempts[ticker].items() if name != kind}
    return replace(state, attempts={**state.attempts, ticker: kinds})
