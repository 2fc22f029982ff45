"""The collector as an actor: what it decides, what it answers, what time makes it do."""

from __future__ import annotations

from bus.actor import Actor, Effect, Output, Refused, Tick
from market.messages.fetcher import (
    WATCHLIST_MAX,
    AddTicker,
    CollectorStarted,
    CollectorState,
    CollectorStatus,
    CollectorStopped,
    CycleStarted,
    FetchNow,
    FetchRequested,
    RawLost,
    RemoveTicker,
    Restart,
    SourceCalled,
    Start,
    Stop,
    WatchlistAdded,
    WatchlistRemoved,
)
from market.messages.history import BackfillCancelled, CancelBackfill
from market.symbols import PROTECTED, BadTicker, canonical, plain
from services.fetcher.core import cycle, gates, schedule
from services.fetcher.core.answers import Failure
from services.fetcher.core.chronicle import tell_listing
from services.fetcher.core.declaration import Options
from services.fetcher.core.fold import FOLDS, Draft
from services.fetcher.core.gaps import asks_from_us
from services.fetcher.core.plan import Plan, calls_under_way, plan
from services.fetcher.core.queues import Queues
from services.fetcher.core.state import KINDS, URGENT_US, Collector, Series, unfilled
from services.fetcher.core.status import status, status_file, watchlist_file
from services.fetcher.core.telling import lane_of, table_fault, tell_answer, tell_failure
from services.fetcher.effects import (
    Fetch,
    Fetched,
    FetchFailed,
    Open,
    ReadSessions,
    Save,
    SessionsRead,
    Simulate,
)
from services.fetcher.perform import PERFORMERS
from services.fetcher.stream.desk import StreamDesk
from services.fetcher.stream.effects import Connected, Heard

RECENT_US = 10_000_000
"""Yahoo serves a chart from its cache for 10 seconds: asking sooner brings nothing newer."""

CYCLE_LASTS_US_MAX = 3_600_000_000
"""A cycle that has not ended after an hour is ended, whatever holds it."""

LOST = Failure("unreachable", "no answer before the deadline")


def build(options: Options) -> Actor[Collector]:
    """The collector with these options."""
    actor = Actor("fetcher", Collector)
    for event, fold in FOLDS.items():
        actor.evolve(event)(fold)
    desk = Desk(options)
    actor.decide(Open)(desk.open)
    actor.decide(Start)(desk.start)
    actor.decide(Stop)(desk.stop)
    actor.decide(Restart)(desk.restart)
    actor.decide(AddTicker)(desk.add)
    actor.decide(RemoveTicker)(desk.remove)
    actor.decide(FetchNow)(desk.fetch_now)
    actor.decide(CancelBackfill)(desk.cancel)
    actor.decide(Fetched)(desk.fetched)
    actor.decide(FetchFailed)(desk.failed)
    actor.decide(SessionsRead)(desk.sessions_read)
    actor.decide(Connected)(desk.stream.connected)
    actor.decide(Heard)(desk.stream.heard)
    actor.answer(CollectorStatus)(desk.status)
    actor.due(desk.due)
    for effect, perform in PERFORMERS.items():
        actor.perform(effect)(perform)
    return actor


class Desk:
    """The decisions, under the options that hold while this process lives."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.queues = Queues(options)
        self.stream = StreamDesk(options)

    def open(self, state: Collector, command: Open, now_us: int) -> Output:
        """Track what is always tracked; go on where the tape ends, with one cycle at once."""
        draft = Draft(state, now_us)
        virgin = not state.watchlist
        wanted = dict.fromkeys((*PROTECTED, *(self.options.watchlist if virgin else ())))
        draft.say(*(WatchlistAdded(one) for one in wanted if not state.of(one).tracked))
        if self.options.auto_start and not state.told:
            draft.say(CollectorStarted(by="auto_start"))
        draft.say(*gates.at_start(draft.state, self.options, process=True))
        if draft.state.running:
            draft.say(CycleStarted(by="process"))
        return [*draft.events, *self._saves(draft)]

    def start(self, state: Collector, command: Start, now_us: int) -> Output:
        """Run, with a cycle at once; nothing is said if it runs already."""
        draft = Draft(state, now_us)
        if not state.running:
            self._begin(draft)
        return self._said(draft)

    def stop(self, state: Collector, command: Stop, now_us: int) -> Output:
        """Rest; said also before the first start, so that none comes by itself."""
        draft = Draft(state, now_us)
        if state.running or not state.told:
            draft.say(CollectorStopped())
        return self._said(draft)

    def restart(self, state: Collector, command: Restart, now_us: int) -> Output:
        """A stop and a start; nothing more where one has just begun."""
        draft = Draft(state, now_us)
        begun = state.cycle
        if begun is None or begun.by != "start" or begun.started_us < now_us:
            draft.say(*([CollectorStopped()] if state.running else []))
            self._begin(draft)
        return self._said(draft)

    def add(self, state: Collector, command: AddTicker, now_us: int) -> Output:
        """Track a ticker, and fetch it at once, market open or not."""
        draft = Draft(state, now_us)
        ticker = self._canonical(command.ticker)
        if not state.of(ticker).tracked:
            if len(state.watchlist) >= WATCHLIST_MAX:
                raise Refused(
                    "watchlist_full",
                    f"{WATCHLIST_MAX} tickers are tracked already",
                    "remove one that you no longer need",
                )
            draft.say(WatchlistAdded(ticker), FetchRequested(ticker))
        return self._said(draft)

    def remove(self, state: Collector, command: RemoveTicker, now_us: int) -> Output:
        """Track a ticker no longer; the protected ones are refused."""
        draft = Draft(state, now_us)
        ticker = self._canonical(command.ticker)
        if ticker in PROTECTED:
            raise Refused(
                "protected",
                f"{ticker} is always tracked, since every decision is read against it",
                f"remove any ticker but {' and '.join(PROTECTED)}",
            )
        if state.of(ticker).tracked:
            draft.say(WatchlistRemoved(ticker))
        return self._said(draft)

    def fetch_now(self, state: Collector, command: FetchNow, now_us: int) -> Output:
        """Put the ticker in front of the queue, unless it is there, or has just been fetched."""
        draft = Draft(state, now_us)
        named = [self._canonical(plain(command.ticker))] if command.ticker else state.watchlist
        for ticker in named:
            if not _stands(state.of(ticker), now_us):
                draft.say(FetchRequested(ticker))
        return draft.events

    def cancel(self, state: Collector, command: CancelBackfill, now_us: int) -> Output:
        """Let a history be that has not come whole; nothing is said if that was said already."""
        draft = Draft(state, now_us)
        ticker = self._canonical(command.ticker)
        if not (state.of(ticker).tracked and unfilled(state, ticker)):
            raise Refused(
                "no_backfill",
                f"no history of {ticker} is being fetched",
                "see which are: ./tapedeck jobs",
            )
        if not state.of(ticker).cancelled:
            draft.say(BackfillCancelled(ticker))
        return self._said(draft)

    def fetched(self, state: Collector, command: Fetched, now_us: int) -> Output:
        """Say what a call brought."""
        draft = Draft(state, now_us)
        call, asked_us, answer = command.call, command.asked_us, command.answer
        draft.say(*_lost(call, answer.answer_hash, command.not_kept))
        tell_answer(draft, self.options, call, asked_us, answer)
        tell_listing(draft, self.options, call, answer, asked_us)
        return draft.events

    def failed(self, state: Collector, command: FetchFailed, now_us: int) -> Output:
        """Say that a call brought nothing, and when it is made again."""
        draft = Draft(state, now_us)
        draft.say(*_lost(command.call, command.failure.answer_hash, command.not_kept))
        tell_failure(draft, self.options, command.call, command.failure)
        tell_listing(draft, self.options, command.call, None, now_us)
        return draft.events

    def sessions_read(self, state: Collector, command: SessionsRead, now_us: int) -> Output:
        """Say the table of sessions, if it can be one."""
        draft = Draft(state, now_us)
        if fault := table_fault(command.table):
            tell_failure(draft, self.options, command.call, Failure("invalid", fault))
        else:
            draft.say(command.table)
        return draft.events

    def status(self, state: Collector, query: CollectorStatus, now_us: int) -> CollectorState:
        """Tell how the collector fares."""
        return status(state, self.options, self.queues, now_us)

    def due(self, state: Collector, now_us: int) -> Tick:
        """Give up lost calls, end and begin cycles, and make the calls that there is room for."""
        draft = Draft(state, now_us)
        self.queues.look(state, now_us)
        for call in tuple(calls_under_way(state, self.queues)):
            if call.deadline_us <= now_us:
                tell_failure(draft, self.options, call, LOST)
        draft.say(*gates.after_time(draft.state, self.options, now_us))
        turned = self._turn(draft)
        stream = self.stream.due(draft)
        planned = plan(draft.state, self.options, self.queues, now_us)
        draft.say(*planned.calls)
        work = [self._work(state, call, now_us) for call in planned.calls]
        saves = self._saves(draft) if turned else []
        return Tick((*draft.events, *stream, *work, *saves), self._alarm(draft, planned))

    def _begin(self, draft: Draft) -> None:
        draft.say(CollectorStarted(), *gates.at_start(draft.state, self.options, process=False))
        draft.say(CycleStarted(by="start"))

    def _turn(self, draft: Draft) -> bool:
        """End the cycle that is over; begin the next one when it is due and none is under way."""
        state, now_us = draft.state, draft.now_us
        self.queues.look(state, now_us)
        late = state.cycle is not None and now_us > state.cycle.started_us + CYCLE_LASTS_US_MAX
        over = late or not self.queues.pending
        ended = cycle.finished(state, self.options, now_us) if over else None
        draft.say(*([ended] if ended else []))
        coming = schedule.next_cycle(draft.state, self.options)
        begins = coming is not None and coming.at_us <= now_us and draft.state.cycle is None
        if coming and begins:
            draft.say(CycleStarted(coming.by, coming.venues))
        return ended is not None or begins

    def _work(self, state: Collector, call: SourceCalled, now_us: int) -> Effect:
        lane = lane_of(state, call)
        latest_us = asks_from_us(lane, state.hours(call.ticker, now_us), now_us)
        if call.source == "calendar":
            return ReadSessions(call, now_us, schedule.table_reaches_back(state, now_us))
        if call.source == "simulated":
            return Simulate(call, now_us, latest_us, state.table, self.options.seed)
        return Fetch(call, now_us, latest_us)

    def _alarm(self, draft: Draft, planned: Plan) -> int | None:
        """When time alone makes something due."""
        coming = schedule.next_cycle(draft.state, self.options)
        under_way = (*calls_under_way(draft.state, self.queues), *planned.calls)
        deadlines = [call.deadline_us for call in under_way]
        moves = gates.next_move_us(draft.state, self.options)
        stream = self.stream.alarms(draft.state, draft.now_us)
        alarms = [planned.again_us, coming.at_us if coming else 0, *deadlines, *moves, *stream]
        return min((at_us for at_us in alarms if at_us > draft.now_us), default=None)

    def _said(self, draft: Draft) -> Output:
        return [*draft.events, *(self._saves(draft) if draft.events else [])]

    def _saves(self, draft: Draft) -> list[Effect]:
        state, now_us = draft.state, draft.now_us
        body = status_file(status(state, self.options, self.queues, now_us))
        return [
            Save("collector_status.json", body, now_us),
            Save("watchlist.json", watchlist_file(state), now_us),
        ]

    def _canonical(self, text: str) -> str:
        try:
            return canonical(text, extended=self.options.extended_symbols)
        except BadTicker as error:
            raise Refused("bad_ticker", f"{text[:40]!r} is not a ticker", error.remedy) from error


def _lost(call: SourceCalled, answer_hash: str, because: str) -> list[RawLost]:
    """An answer that nobody can look at any more is told before what was read from it."""
    because = because[: gates.REASON_CHARACTERS_MAX]
    return [RawLost(call.source, call.ticker, answer_hash, because)] if because else []


def _stands(series: Series, now_us: int) -> bool:
    """Whether an equal wish still stands, or was granted a moment ago."""
    recently_us, asked_us = now_us - RECENT_US, series.asked_us
    lanes = [series.lane(kind) for kind in KINDS]
    if asked_us > recently_us or all(lane.answered_us > recently_us for lane in lanes):
        return True
    return now_us < asked_us + URGENT_US and any(
        lane.answered_us < asked_us and all(one.at_us < asked_us for one in lane.refusals)
        for lane in lanes
    )
