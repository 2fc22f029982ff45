"""Who waits for facts, and what was asked for on their behalf: equal needs go out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from bus.actor import Need
from bus.message import Command
from bus.ports import Clock

A = TypeVar("A")

WAITING_MAX = 1_000


@dataclass
class Waiting(Generic[A]):
    """An asker, the last need of its answer, and when it is answered at the latest."""

    asker: A
    need: Need
    deadline_seconds: float


class Waiters(Generic[A]):
    """The askers of one actor; ``send`` hands a command out and gives the request's number."""

    def __init__(self, send: Callable[[Command, float], int], clock: Clock) -> None:
        self._send = send
        self._clock = clock
        self._waiting: list[Waiting[A]] = []
        self._asked: dict[int, Command] = {}

    @property
    def full(self) -> bool:
        """Whether nobody more may wait."""
        return len(self._waiting) >= WAITING_MAX

    @property
    def first_deadline_seconds(self) -> float:
        """When the first asker must be answered; infinite where nobody waits."""
        return min((waiting.deadline_seconds for waiting in self._waiting), default=float("inf"))

    def begin(self, asker: A, need: Need) -> None:
        """The asker waits; its command goes out unless an equal one did for another."""
        known = [waiting.need.command for waiting in self._waiting]
        deadline = self._clock.elapsed_seconds() + need.within_seconds
        if need.command is not None and need.command not in known:
            self._asked[self._send(need.command, need.within_seconds)] = need.command
        self._waiting.append(Waiting(asker, need, deadline))

    def again(self, waiting: Waiting[A], need: Need) -> None:
        """The answer still has a need: wait on, until the same deadline."""
        waiting.need = need
        self._waiting.append(waiting)

    def take_all(self) -> list[Waiting[A]]:
        """Everybody who waits; each is answered or waits `again`."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def take_late(self) -> list[Waiting[A]]:
        """Those whose deadline has come."""
        now = self._clock.elapsed_seconds()
        return self._take(lambda waiting: waiting.deadline_seconds <= now)

    def answered(self, number: int, *, refused: bool) -> list[Waiting[A]]:
        """A request was answered; those who waited for it in vain, if it was refused."""
        command = self._asked.pop(number, None)
        if command is None or not refused:
            return []
        return self._take(lambda waiting: waiting.need.command == command)

    def _take(self, chosen: Callable[[Waiting[A]], bool]) -> list[Waiting[A]]:
        taken = [waiting for waiting in self._waiting if chosen(waiting)]
        self._waiting = [waiting for waiting in self._waiting if not chosen(waiting)]
        return taken
