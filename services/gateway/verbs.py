"""THE TABLE of verbs: what can be asked of the deck, at every door.

HTTP, the control socket, the command line, the client, docs/api.md, /docs and /openapi.json are
read from it; a verb is one row. A verb's talk asks the deck; a verb with a ``program`` runs in the
command line's own process instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec

from bus.actor import Refused
from market.decision.answer import AnalysisAnswer
from market.messages.cache import BarSeries, CacheEntry, NewsKnown, TickerSnapshot
from services.gateway import render, render_collector, render_evidence, render_health
from services.gateway.answers import (
    CacheAnswer,
    CacheStateAnswer,
    CollectorAnswer,
    EventsAnswer,
    HealthAnswer,
    IndicatorsAnswer,
    JobsAnswer,
    LettersAnswer,
    LevelsAnswer,
    RawAnswer,
    ReplayAnswer,
    WatchlistAnswer,
    WhyAnswer,
)
from services.gateway.arguments import (
    ArchiveWanted,
    Arguments,
    BackupWanted,
    BarsWanted,
    DecisionsWanted,
    DecisionWanted,
    EventsWanted,
    ImportWanted,
    LettersWanted,
    LogWanted,
    NewsWanted,
    OneAnswer,
    OneJob,
    OneLetter,
    OneOrAllTickers,
    OneTicker,
    RestoreWanted,
    TailWanted,
    TickerAsOf,
    TickerTimeframe,
    VerifyWanted,
)
from services.gateway.talk import Talk
from services.gateway.talks import (
    cache,
    collector,
    decisions,
    health,
    jobs,
    letters,
    raw,
    tape,
    tickers,
    why,
)

Method = Literal["GET", "POST", "DELETE"]

OK, FAILED, USAGE, DEGRADED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: done; refused or not reachable; a wrong command line; answered, but degraded; ended
by Ctrl-C."""


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a verb with its arguments, answer and HTTP routes, and how a terminal shows it.

    ``failed`` is the exit code where it could not do its work. ``endless`` ones go on until Ctrl-C,
    which is an interruption to all others.
    """

    name: str
    help: str
    arguments: type[Arguments] = Arguments
    answer: type[msgspec.Struct] | None = None
    talk: Callable[[Any], Talk] | None = None
    method: Method = "GET"
    routes: tuple[str, ...] = ()
    within_seconds: float = 10.0
    show: Callable[[dict[str, Any]], str] = render.anything
    program: str = ""
    offline: bool = False
    failed: int = FAILED
    endless: bool = False

    def begin(self, arguments: Arguments) -> Talk:
        """The verb's talk with the deck; raises `Refused` for one that runs in a terminal alone."""
        if self.talk is None:
            raise Refused(
                "unknown_verb",
                f"{self.name} runs in a terminal alone",
                f"type ./tapedeck {self.name}",
            )
        return self.talk(arguments)

    @property
    def changes(self) -> bool:
        """Whether it is a command."""
        return self.method != "GET"


VERBS: Final[tuple[Verb, ...]] = (
    Verb(
        name="status",
        help="How the collector fares: running, watchlist, sources, rate budgets, market.",
        answer=CollectorAnswer,
        talk=collector.status,
        routes=("/api/collector/status", "/api/collector/status/json"),
        show=render_collector.collector,
    ),
    Verb(
        name="start",
        help="Let the collector run; one cycle starts at once.",
        answer=CollectorAnswer,
        talk=collector.start,
        method="POST",
        routes=("/api/collector/start",),
        show=render.message,
    ),
    Verb(
        name="stop",
        help="Let the collector rest.",
        answer=CollectorAnswer,
        talk=collector.stop,
        method="POST",
        routes=("/api/collector/stop",),
        show=render.message,
    ),
    Verb(
        name="restart",
        help="Stop and start the collector; one cycle starts at once.",
        answer=CollectorAnswer,
        talk=collector.restart,
        method="POST",
        routes=("/api/collector/restart",),
        show=render.message,
    ),
    Verb(
        name="add",
        help="Track a ticker; it is fetched at once, open market or not.",
        arguments=OneTicker,
        answer=CollectorAnswer,
        talk=collector.add,
        method="POST",
        routes=("/api/collector/ticker/add",),
        show=render.message,
    ),
    Verb(
        name="remove",
        help="Stop tracking a ticker; SPY and QQQ are protected.",
        arguments=OneTicker,
        answer=CollectorAnswer,
        talk=collector.remove,
        method="POST",
        routes=("/api/collector/ticker/remove",),
        show=render.message,
    ),
    Verb(
        name="fetch",
        help="Fetch a ticker, or every tracked one, now.",
        arguments=OneOrAllTickers,
        answer=CollectorAnswer,
        talk=collector.fetch,
        method="POST",
        routes=("/api/collector/fetch",),
        show=render.message,
    ),
    Verb(
        name="jobs",
        help="Long work under way: back-fills, how far each has come, which were cancelled.",
        answer=JobsAnswer,
        talk=jobs.jobs,
        routes=("/api/jobs",),
        show=render_evidence.jobs,
    ),
    Verb(
        name="cancel",
        help="Cancel a job; a back-fill goes on when its ticker is fetched or added again.",
        arguments=OneJob,
        answer=JobsAnswer,
        talk=jobs.cancel,
        method="POST",
        routes=("/api/jobs/cancel",),
        show=render.message,
    ),
    Verb(
        name="watchlist",
        help="Every tracked ticker at a glance: price, RSI, trend, signal, source, age.",
        answer=WatchlistAnswer,
        talk=tickers.watchlist,
        routes=("/api/tickers",),
        within_seconds=20.0,
        show=render.watchlist,
    ),
    Verb(
        name="analyze",
        help="The decision for a ticker with levels, size and evidence; fetched if not fresh.",
        arguments=TickerAsOf,
        answer=AnalysisAnswer,
        talk=decisions.analyze,
        routes=("/api/analyze/{ticker}",),
        within_seconds=40.0,
        show=render.analysis,
    ),
    Verb(
        name="bars",
        help="The last bars of a ticker, oldest first, in columns.",
        arguments=BarsWanted,
        answer=BarSeries,
        talk=tickers.bars,
        routes=("/api/tickers/{ticker}/bars",),
        show=render.bars,
    ),
    Verb(
        name="indicators",
        help="The readings of every timeframe after its last closed bar.",
        arguments=TickerAsOf,
        answer=IndicatorsAnswer,
        talk=tickers.indicators,
        routes=("/api/tickers/{ticker}/indicators",),
        show=render.indicators,
    ),
    Verb(
        name="levels",
        help="Support, resistance and trend of a ticker.",
        arguments=TickerTimeframe,
        answer=LevelsAnswer,
        talk=tickers.levels,
        routes=("/api/tickers/{ticker}/levels",),
        show=render.levels,
    ),
    Verb(
        name="news",
        help="The newest headlines of a ticker, or of all: when, what, whose, and who told it.",
        arguments=NewsWanted,
        answer=NewsKnown,
        talk=tickers.news,
        routes=("/api/news", "/api/tickers/{ticker}/news"),
        show=render.news,
    ),
    Verb(
        name="snapshot",
        help="All that is known of a ticker: quote, indicators, decision, age.",
        arguments=TickerAsOf,
        answer=TickerSnapshot,
        talk=tickers.snapshot,
        routes=("/api/tickers/{ticker}/snapshot",),
    ),
    Verb(
        name="cache",
        help="What the cache holds, and how old it is.",
        answer=CacheStateAnswer,
        talk=cache.cache,
        routes=("/api/cache",),
        show=render.cache,
    ),
    Verb(
        name="cache-entry",
        help="One ticker's entry in the cache.",
        arguments=OneTicker,
        answer=CacheEntry,
        talk=cache.cache_entry,
        routes=("/api/cache/{ticker}",),
    ),
    Verb(
        name="clear",
        help="Make what is known of a ticker, or of all, count as stale; the tape forgets nothing.",
        arguments=OneOrAllTickers,
        answer=CacheAnswer,
        talk=cache.clear,
        method="DELETE",
        routes=("/api/cache", "/api/cache/{ticker}"),
        show=render.message,
    ),
    Verb(
        name="decisions",
        help="The last decisions, of one ticker or of all, oldest first.",
        arguments=DecisionsWanted,
        answer=EventsAnswer,
        talk=decisions.decisions,
        routes=("/api/decisions",),
        show=render.decisions,
    ),
    Verb(
        name="why",
        help="Why a decision was made: its rules, and its evidence down to the provider's bytes.",
        arguments=DecisionWanted,
        answer=WhyAnswer,
        talk=why.why,
        routes=("/api/decisions/{decision}/why",),
        show=render_evidence.why,
    ),
    Verb(
        name="events",
        help="A stretch of the tape, whole or of one subject, oldest first.",
        arguments=EventsWanted,
        answer=EventsAnswer,
        talk=tape.events,
        routes=("/api/events",),
        show=render.events,
    ),
    Verb(
        name="raw",
        help="A provider's raw answer, by the answer_hash of the event that came of it.",
        arguments=OneAnswer,
        answer=RawAnswer,
        talk=raw.raw,
        routes=("/api/raw/{hash}",),
        show=render.raw,
    ),
    Verb(
        name="health",
        help="Whether every service that a decision needs is ready, and how the bus fares.",
        answer=HealthAnswer,
        talk=health.health,
        routes=("/health/ready",),
        within_seconds=3.0,
        show=render_health.health,
    ),
    Verb(
        name="letters",
        help="Dead letters, oldest first: events a service could not take, and why.",
        arguments=LettersWanted,
        answer=LettersAnswer,
        talk=letters.letters,
        routes=("/api/letters",),
        show=render.letters,
    ),
    Verb(
        name="replay-letter",
        help="Have a service take a dead letter's event again, once its cause was mended.",
        arguments=OneLetter,
        answer=ReplayAnswer,
        talk=letters.replay,
        method="POST",
        routes=("/api/letters/replay",),
        show=render.message,
    ),
    Verb(
        name="tail",
        help="Print the tape as it is written, from the live socket, until Ctrl-C.",
        arguments=TailWanted,
        program="tail",
        endless=True,
    ),
    Verb(
        name="log",
        help="Print the structured log of the services; works without the deck.",
        arguments=LogWanted,
        program="logs",
        offline=True,
        endless=True,
    ),
    Verb(
        name="doctor",
        help="Check what the deck needs to run here, and say what to do; works without the deck.",
        program="doctor",
        offline=True,
    ),
    Verb(
        name="verify",
        help="Read a whole tape and name what is damaged: exit 0 clean, 1 damaged, 2 cannot run.",
        arguments=VerifyWanted,
        program="keeping.verify",
        offline=True,
        failed=USAGE,
    ),
    Verb(
        name="backup",
        help="Copy the whole tape to a file, also while the deck runs, and verify the copy.",
        arguments=BackupWanted,
        program="keeping.backup",
        offline=True,
    ),
    Verb(
        name="restore",
        help="Put a backup in the tape's place; what it replaces is moved to quarantine/.",
        arguments=RestoreWanted,
        program="keeping.restore",
        offline=True,
    ),
    Verb(
        name="archive",
        help="Move the oldest events off the tape to a compressed file; attach or list such files.",
        arguments=ArchiveWanted,
        program="keeping.archive",
        offline=True,
    ),
    Verb(
        name="import",
        help="Take an older collector's watchlist and key, and say what was not taken.",
        arguments=ImportWanted,
        program="keeping.importing",
        offline=True,
    ),
)


def verb_named(name: str) -> Verb | None:
    """The row of this name."""
    return _BY_NAME.get(name)


def exit_code(verb: Verb, answer: dict[str, Any]) -> int:
    """The exit code of an answer: stale, simulated or unready data make a question's degraded."""
    degraded = answer.get("simulated") or answer.get("stale") or answer.get("ready") is False
    return DEGRADED if degraded and not verb.changes else OK


_BY_NAME: Final = {verb.name: verb for verb in VERBS}
