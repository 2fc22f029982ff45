"""What the collector has done outside, and the commands by which it hears of it."""

from __future__ import annotations

from typing import ClassVar

from bus.actor import Effect
from bus.message import Command
from market.messages.fetcher import Sessions, SourceCalled
from services.fetcher.core.answers import Answer, Failure


class Fetch(Effect, frozen=True):
    """Ask a source; ``latest_us`` is the newest thing already known (0: nothing)."""

    call: SourceCalled
    at_us: int
    latest_us: int


class Simulate(Effect, frozen=True):
    """Compute what a simulated market shows at ``at_us``."""

    call: SourceCalled
    at_us: int
    latest_us: int
    table: Sessions
    seed: int


class ReadSessions(Effect, frozen=True):
    """Ask the calendar for the sessions of a year before and after ``at_us``.

    Where those of the years before are not ``past_known``, they are asked for too.
    """

    call: SourceCalled
    at_us: int
    past_known: bool


class Save(Effect, frozen=True):
    """Write a small file into the home; of two for one name, the later ``at_us`` stays."""

    name: str
    body: bytes
    at_us: int


class Open(Command, frozen=True):
    """This process has just begun."""

    service: ClassVar[str] = "fetcher"


class Fetched(Command, frozen=True):
    """A call was answered; ``asked_us`` is when the question was put.

    ``not_kept`` says why the answer's bytes are not on the shelf, empty where they are.
    """

    service: ClassVar[str] = "fetcher"

    call: SourceCalled
    asked_us: int
    answer: Answer
    not_kept: str = ""


class FetchFailed(Command, frozen=True):
    """A call brought nothing."""

    service: ClassVar[str] = "fetcher"

    call: SourceCalled
    failure: Failure
    not_kept: str = ""


class SessionsRead(Command, frozen=True):
    """The calendar was read."""

    service: ClassVar[str] = "fetcher"

    call: SourceCalled
    table: Sessions
