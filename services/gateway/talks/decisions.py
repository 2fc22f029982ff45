"""Decisions: the one for a ticker, now or as of an instant, and the last ones."""

from __future__ import annotations

from bus.codec import Record
from bus.subject import parse
from market.decision.answer import answer
from market.messages.analyzer import Analysis, Analyze, Decision
from market.messages.cache import FindEvents, SeqsFound, Snapshot, TickerSnapshot
from market.symbols import plain
from services.gateway.arguments import DecisionsWanted, TickerAsOf
from services.gateway.records import listed
from services.gateway.talk import AskTime, ReadTape, Talk
from services.gateway.talks.parts import known_or_refused, unknown

CANDIDATES_MAX = 500
"""Decisions looked through for those of one ticker: the index finds A's among AAPL's by prefix."""


def analyze(arguments: TickerAsOf) -> Talk:
    """The decision for a ticker: the latest, fetched first if not fresh, or one known then."""
    key, as_of_us = arguments.key, arguments.as_of_us
    if as_of_us is None:
        now_us: int = yield AskTime()
        analysis: Analysis = yield Analyze(key, asked_at_us=now_us)
        return answer(analysis)
    known = known_or_refused((yield Snapshot(key, as_of_us)))
    return answer(_known_then(known, as_of_us))


def _known_then(known: TickerSnapshot, as_of_us: int) -> Analysis:
    """What was decided by then. Where the price stood is told by the snapshot."""
    at = known.known.get("decision")
    if known.decision is None or at is None:
        raise unknown(known.ticker, "nothing was decided by then about")
    return Analysis(
        ticker=plain(known.ticker),
        decision=known.decision,
        decision_seq=at.seq,
        decided_at_us=at.at_us,
        data_source="simulated" if known.simulated else "cache",
        simulated=known.simulated,
        stale=known.stale,
        stale_because="the price known then was older than it had to be" if known.stale else "",
        current=None,
        seq=known.seq,
        as_of_us=as_of_us,
    )


def decisions(arguments: DecisionsWanted) -> Talk:
    """The last decisions, of one ticker or of all, oldest first."""
    key = arguments.key
    found: SeqsFound = yield FindEvents(
        f"{Decision.stream}.{key}",
        limit=CANDIDATES_MAX if key else arguments.limit,
        newest=True,
        as_of_us=arguments.as_of_us,
    )
    records: list[Record] = yield ReadTape(found.seqs)
    chosen = [r for r in records if not key or plain(parse(r.subject).key) == plain(key)]
    return listed(chosen[-arguments.limit :], 0, found.seq)
