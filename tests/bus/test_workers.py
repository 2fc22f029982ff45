"""Effects are carried out in threads, equal ones once, and their failures harm nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from structlog.typing import EventDict

from bus.actor import Effect
from bus.message import Command
from bus.workers import QUEUE_MAX, Workers
from tests.bus.rig import DEADLINE_SECONDS, until
from tests.bus.words import Supply


class Errand(Effect, frozen=True):
    """Something to be fetched."""

    name: str


class Bell:
    """Counts how often it was rung."""

    def __init__(self) -> None:
        self.rung = 0

    def ring(self) -> None:
        self.rung += 1


@contextmanager
def working(
    do: Callable[[Effect], Command | None], bell: Bell | None = None, threads: int = 2
) -> Iterator[Workers]:
    with closing(Workers(do, (bell or Bell()).ring, threads)) as workers:
        yield workers


def collected(workers: Workers, count: int) -> list[Command]:
    results: list[Command] = []
    until(lambda: len(results) >= count, lambda: results.extend(workers.results()))
    return results


def supply(effect: Effect) -> Supply:
    assert isinstance(effect, Errand)
    return Supply(effect.name)


def test_a_result_comes_back_as_a_command_and_wakes_the_actor() -> None:
    bell = Bell()
    with working(supply, bell) as workers:
        workers.start(Errand("A"))
        assert collected(workers, 1) == [Supply("A")]
        until(lambda: bell.rung == 1)
        assert workers.results() == []


def test_an_effect_without_a_result_wakes_nobody() -> None:
    bell, done = Bell(), threading.Event()

    def do(effect: Effect) -> None:
        done.set()

    with working(do, bell) as workers:
        workers.start(Errand("A"))
        assert done.wait(DEADLINE_SECONDS)
    assert bell.rung == 0


def test_equal_effects_under_way_are_carried_out_once_and_later_again() -> None:
    gate, begun = threading.Event(), threading.Semaphore(0)

    def do(effect: Effect) -> Supply:
        begun.release()
        gate.wait(DEADLINE_SECONDS)
        return supply(effect)

    with working(do) as workers:
        workers.start(Errand("A"))
        assert begun.acquire(timeout=DEADLINE_SECONDS)
        workers.start(Errand("A"))
        workers.start(Errand("B"))
        gate.set()
        assert sorted(c.name for c in collected(workers, 2) if isinstance(c, Supply)) == ["A", "B"]
        until(lambda: not workers._under_way)
        workers.start(Errand("A"))
        assert collected(workers, 1) == [Supply("A")]


def test_an_effect_that_fails_is_logged_and_the_thread_goes_on(logged: list[EventDict]) -> None:
    def do(effect: Effect) -> Supply:
        if effect == Errand("bad"):
            raise ValueError("no such errand")
        return supply(effect)

    with working(do, threads=1) as workers:
        workers.start(Errand("bad"))
        workers.start(Errand("good"))
        assert collected(workers, 1) == [Supply("good")]
        workers.start(Errand("bad"))
    assert "effect.failed" in [entry["event"] for entry in logged]


def test_more_than_the_queue_holds_is_dropped_and_may_be_asked_for_again(
    logged: list[EventDict],
) -> None:
    gate, begun = threading.Event(), threading.Event()

    def do(effect: Effect) -> Supply:
        begun.set()
        gate.wait(DEADLINE_SECONDS)
        return supply(effect)

    with working(do, threads=1) as workers:
        workers.start(Errand("first"))
        assert begun.wait(DEADLINE_SECONDS)
        for number in range(QUEUE_MAX + 1):
            workers.start(Errand(str(number)))
        assert [entry["event"] for entry in logged] == ["effect.dropped"]
        gate.set()
        collected(workers, QUEUE_MAX + 1)
        workers.start(Errand(str(QUEUE_MAX)))
        assert collected(workers, 1) == [Supply(str(QUEUE_MAX))]


def test_closing_forgets_what_has_not_begun_and_waits_for_nobody() -> None:
    gate, begun = threading.Event(), threading.Event()
    carried_out: list[Effect] = []

    def do(effect: Effect) -> None:
        carried_out.append(effect)
        begun.set()
        gate.wait(DEADLINE_SECONDS)

    workers = Workers(do, lambda: None, threads=1)
    workers.start(Errand("A"))
    assert begun.wait(DEADLINE_SECONDS)
    workers.start(Errand("B"))
    workers.close()
    gate.set()
    until(lambda: not any(thread.is_alive() for thread in workers._threads))

    assert carried_out == [Errand("A")]


def test_a_result_is_there_before_its_effect_may_begin_again() -> None:
    seen: list[list[Command]] = []

    class Curious(Effect, frozen=True):
        """An effect that looks at the results each time somebody asks whether it is under way."""

        name: str

        def __hash__(self) -> int:
            if threading.current_thread().name.startswith("worker"):
                seen.append(list(workers._results))
            return hash(self.name)

    workers = Workers(lambda effect: Supply("A"), lambda: None, threads=1)
    with closing(workers):
        workers.start(Curious("A"))
        until(lambda: not workers._under_way)

    assert seen[-1] == [Supply("A")]


def test_the_machine_starts_no_thread_before_there_is_something_to_do() -> None:
    with working(supply) as workers:
        assert not any(thread.is_alive() for thread in workers._threads)
