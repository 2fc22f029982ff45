"""Jobs: the long work that goes on by itself, and how to end it."""

from __future__ import annotations

from bus.actor import Refused
from bus.message import Done
from market.messages.fetcher import Backfill, CollectorState, CollectorStatus
from market.messages.history import CancelBackfill
from services.gateway.answers import Job, JobsAnswer
from services.gateway.arguments import Arguments, OneJob, series_key
from services.gateway.talk import Talk

BACKFILL = "backfill."


def jobs(arguments: Arguments) -> Talk:
    """Every job."""
    state: CollectorState = yield CollectorStatus()
    running = sum(not one.cancelled for one in state.backfills)
    return _answer(state, f"{running} job{'' if running == 1 else 's'} under way.", 0)


def cancel(arguments: OneJob) -> Talk:
    """End a job; what it has done stays done."""
    kind, _, text = arguments.job.partition(".")
    if f"{kind}." != BACKFILL or not text:
        raise Refused(
            "bad_argument",
            f"{arguments.job!r} is no job",
            "name it as ./tapedeck jobs lists it: backfill.NVDA",
        )
    ticker = series_key(text)
    done: Done = yield CancelBackfill(ticker)
    state: CollectorState = yield CollectorStatus()
    said = "is cancelled" if done.said else "was cancelled already"
    message = f"The back-fill of {ticker} {said}; ./tapedeck fetch {ticker} goes on with it."
    return _answer(state, message, done.seq)


def _answer(state: CollectorState, message: str, seq: int) -> JobsAnswer:
    return JobsAnswer(True, message, tuple(map(_job, state.backfills)), seq)


def _job(backfill: Backfill) -> Job:
    return Job(
        id=BACKFILL + backfill.ticker,
        kind="backfill",
        ticker=backfill.ticker,
        state="cancelled" if backfill.cancelled else "running",
        done=backfill.done,
        of=backfill.of,
        waits_for=backfill.waits_for,
    )
