"""Lives a history again: the deck's pure actors over what was collected, in one fixed order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from bus.actor import Actor
from bus.message import Event, Fact
from services.analyzer.actor import Options, build
from services.indicators.actor import indicators


class Said(NamedTuple):
    """An event of the relived history, with who said it."""

    producer: str
    fact: Fact[Any]


class _Life:
    def __init__(self, actor: Actor[Any]) -> None:
        self.actor = actor
        self.state = actor.initial()
        self.heard = 0


def relive(collected: Iterable[tuple[int, Event]]) -> list[Said]:
    """Everything that is said when these events are collected one by one, each at its time.

    Each actor hears until nobody has anything to say, then the next event is collected.
    """
    lives = [_Life(indicators), _Life(build(Options()))]
    said: list[Said] = []
    for at_us, event in collected:
        _say(said, "fetcher", (event,), at_us)
        while any(_turn(life, said, at_us) for life in lives):
            continue
    return said


def _turn(life: _Life, said: list[Said], at_us: int) -> bool:
    fresh = [one.fact for one in said[life.heard :]]
    life.heard = len(said)
    life.state, spoken = life.actor.hear(life.state, fresh)
    _say(said, life.actor.name, spoken, at_us)
    return bool(fresh)


def _say(said: list[Said], producer: str, events: Iterable[Event], at_us: int) -> None:
    for event in events:
        said.append(Said(producer, Fact(len(said) + 1, at_us, event)))
