"""Why a decision was made: the events it rests on, and under them the providers' own bytes."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Any

from bus.codec import Codec, Record
from bus.errors import BadMessage
from bus.message import Fact
from market.evidence import DECIDED_ON
from market.messages import CONTRACT
from market.messages.analyzer import AnalysisConfigured, Decision
from market.messages.cache import Snapshot, TickerSnapshot
from market.messages.fetcher import Bars
from market.messages.indicators import Indicators
from market.symbols import is_simulated
from services.gateway.answers import EvidenceStep, WhyAnswer
from services.gateway.arguments import DecisionWanted
from services.gateway.kept import Kept
from services.gateway.talk import ReadKept, ReadTape, Request, Talk
from services.gateway.talks.parts import unknown

_CODEC = Codec(CONTRACT)

Facts = dict[int, Fact[Any]]
"""By seq."""


def why(arguments: DecisionWanted) -> Talk:
    """The decision, and all that is under it."""
    seq = arguments.seq or (yield from _seq_of(arguments))
    facts: Facts = yield from _read((seq,))
    made = facts.get(seq)
    if made is None or not isinstance(made.event, Decision):
        raise unknown(arguments.decision, "there is no decision")
    evidence = made.event.evidence
    named = {evidence.indicators, evidence.settings, *evidence.market.values()} - {0}
    facts |= yield from _read(named)
    below = {at for fact in facts.values() for at in _rests_on(fact)} - {0}
    facts |= yield from _read(below - facts.keys())
    steps = []
    for fact in _in_order(facts, seq):
        kept: tuple[Kept, ...] = ()
        if answer_hash := _answer_hash(fact):
            kept = yield ReadKept(answer_hash)
        steps.append(_step(fact, bool(kept)))
    return WhyAnswer(
        ticker=made.event.ticker,
        simulated=is_simulated(made.event.ticker),
        signal=made.event.signal,
        reason=made.event.reason,
        decided_at_us=made.at_us,
        rules=made.event.rules,
        steps=tuple(steps),
        missing=tuple(sorted((named | below) - facts.keys())),
        seq=seq,
    )


def _seq_of(arguments: DecisionWanted) -> Generator[Request, Any, int]:
    """Where the latest decision on the ticker stands, or the one that held at an instant."""
    known: TickerSnapshot = yield Snapshot(arguments.key, arguments.as_of_us)
    if "decision" not in known.known:
        raise unknown(known.ticker, "nothing was decided about")
    return known.known["decision"].seq


def _read(seqs: Iterable[int]) -> Generator[Request, Any, Facts]:
    """The events of these seqs, but for those that the tape does not hold, or nobody can read."""
    records: list[Record] = yield ReadTape(tuple(sorted(seqs)))
    found: Facts = {}
    for record in records:
        try:
            found[record.seq] = _CODEC.fact(record)
        except BadMessage:
            continue
    return found


def _rests_on(fact: Fact[Any]) -> tuple[int, ...]:
    match fact.event:
        case Decision(evidence=evidence):
            seqs = (evidence.indicators, *evidence.market.values(), evidence.settings)
        case Indicators(timeframes=timeframes):
            reading = timeframes.get(DECIDED_ON)
            seqs = (reading.bars_seq if reading else 0,)
        case _:
            seqs = ()
    return tuple(dict.fromkeys(at for at in seqs if at))


def _in_order(facts: Facts, seq: int) -> list[Fact[Any]]:
    """The decision first, under each event what it rests on; none of them twice."""
    found: dict[int, Fact[Any]] = {}
    waiting = [seq]
    while waiting:
        at = waiting.pop()
        if at in facts and at not in found:
            found[at] = facts[at]
            waiting.extend(reversed(_rests_on(facts[at])))
    return list(found.values())


def _answer_hash(fact: Fact[Any]) -> str:
    return fact.event.answer_hash if isinstance(fact.event, Bars) else ""


def _step(fact: Fact[Any], kept: bool) -> EvidenceStep:
    answer_hash = _answer_hash(fact)
    return EvidenceStep(
        what=_named(fact),
        seq=fact.seq,
        at_us=fact.at_us,
        subject=fact.event.subject,
        rests_on=_rests_on(fact),
        source=fact.event.source if isinstance(fact.event, Bars) else "",
        answer_hash=answer_hash,
        kept=kept,
        raw=f"/api/raw/{answer_hash}" if answer_hash else "",
        command=f"./tapedeck raw {answer_hash[:16]}" if answer_hash else "",
    )


def _named(fact: Fact[Any]) -> str:
    match fact.event:
        case Decision(ticker=ticker):
            return f"decision on {ticker}"
        case Indicators(ticker=ticker):
            return f"indicators of {ticker}"
        case Bars(ticker=ticker, timeframe=timeframe):
            return f"{timeframe} bars of {ticker}"
        case AnalysisConfigured():
            return "settings"
    return str(fact.event.stream)
