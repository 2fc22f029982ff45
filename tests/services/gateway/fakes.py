"""A deck that answers from a table: what it is asked is kept, what it replies is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from bus.codec import Record
from bus.errors import Unavailable
from bus.message import Command, Query
from bus.ports import TapeReading
from services.gateway.kept import Kept
from services.gateway.talk import Answered, AskTime, ReadKept, ReadTape, Talk, advance, patience

Replies = dict[type, Any]
"""What the deck replies, by the class of the message."""

NEVER = object()
"""A reply that does not come."""


class FakeTape:
    """A tape in a list; keeps how often it was read."""

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self.records = list(records)
        self.reads: list[tuple[int, int]] = []

    def read(self, after: int, limit: int) -> list[Record]:
        self.reads.append((after, limit))
        return [record for record in self.records if record.seq > after][:limit]

    def get(self, seqs: Sequence[int]) -> list[Record]:
        return [record for record in self.records if record.seq in seqs]

    def seq_at(self, at_us: int) -> int:
        return max((r.seq for r in self.records if r.at_us <= at_us), default=0)

    def head(self) -> int:
        return self.records[-1].seq if self.records else 0

    def first(self) -> int:
        return self.records[0].seq if self.records else 1

    def last(self, subject: str) -> int:
        return max((r.seq for r in self.records if r.subject == subject), default=0)


class FakeDeck:
    """Replies by the class of the message: a value, an error to raise, or `NEVER`."""

    def __init__(
        self, replies: Mapping[type, Any] | None = None, records: Sequence[Record] = ()
    ) -> None:
        self.replies = dict(replies or {})
        self.asked: list[Command | Query[Any]] = []
        self.paper = FakeTape(records)
        self.head = self.paper.head()
        self.tape_id = "tape"
        self.waiting: list[Future[Any]] = []
        self.answers: list[Kept] = []

    def ask(self, message: Command | Query[Any], within_seconds: float = 10.0) -> Future[Any]:
        self.asked.append(message)
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        reply = self.replies.get(type(message), Unavailable(f"nobody serves {message.service}"))
        if reply is NEVER:
            self.waiting.append(future)
        elif isinstance(reply, Exception):
            future.set_exception(reply)
        else:
            future.set_result(reply)
        return future

    def tape(self) -> TapeReading:
        return self.paper

    def kept(self, beginning: str) -> tuple[Kept, ...]:
        return tuple(one for one in self.answers if one.hash.startswith(beginning))

    def grow(self, records: Sequence[Record]) -> None:
        self.paper.records.extend(records)
        self.head = self.paper.head()


def held(talk: Talk, deck: FakeDeck, now_us: int = 0) -> Any:
    """Hold a talk by hand, without a loop; gives its answer."""
    step = advance(talk)
    while not isinstance(step, Answered):
        if isinstance(step, ReadTape):
            step = advance(talk, deck.tape().get(step.seqs))
        elif isinstance(step, ReadKept):
            step = advance(talk, deck.kept(step.beginning))
        elif isinstance(step, AskTime):
            step = advance(talk, now_us)
        else:
            future = deck.ask(*patience(step, 10.0))
            error = future.exception()
            assert error is None or isinstance(error, Exception)
            step = advance(talk, error=error) if error else advance(talk, future.result())
    return step.answer
