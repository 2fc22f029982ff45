"""The loop of a process: it ends when told to, and for good where no restart can help."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from structlog.typing import EventDict

from bus.errors import (
    AddressRefused,
    BusError,
    Fenced,
    LogRegressed,
    Overloaded,
    StorageFailed,
    TapeDamaged,
)
from bus.process import until_told
from bus.supervisor import FATAL


@pytest.fixture(autouse=True)
def _handler_kept() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_being_told_twice_ends_the_loop_after_the_step_and_wakes_it_each_time() -> None:
    steps: list[str] = []

    def step() -> None:
        if len(steps) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
        steps.append("step")

    woken: list[str] = []
    until_told(lambda: woken.append("woken"), step)
    os.kill(os.getpid(), signal.SIGTERM)

    assert (len(steps), len(woken)) == (4, 3)


@pytest.mark.parametrize("error", [Fenced, LogRegressed, TapeDamaged, AddressRefused])
def test_what_no_restart_can_mend_is_logged_and_stops_the_deck(
    error: type[BusError], logged: list[EventDict]
) -> None:
    def step() -> None:
        raise error("the reason", "the remedy")

    with pytest.raises(SystemExit) as end:
        until_told(lambda: None, step)
    assert end.value.code == FATAL
    assert [(e["event"], e["error"]) for e in logged] == [
        ("process.hopeless", "the reason: the remedy")
    ]


def test_a_disk_that_refuses_ends_the_process_to_be_started_again() -> None:
    def step() -> None:
        raise StorageFailed("the disk is full", "make room")

    with pytest.raises(SystemExit) as end:
        until_told(lambda: None, step)
    assert end.value.code == 1


def test_any_other_failure_is_the_supervisors() -> None:
    def step() -> None:
        raise Overloaded("too much", "less")

    with pytest.raises(Overloaded):
        until_told(lambda: None, step)
