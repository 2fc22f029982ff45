"""What an event costs the broker when the tape is long, and when many listen."""

from __future__ import annotations

from contextlib import nullcontext

from bench.bus.ours.appending import BATCHED, appended, load_of
from bench.bus.tapes import copy_with, home_with
from bench.cases import Room, Sample

SUBSCRIBERS_A_PROCESS = 10
COPIED_MAX = 100_000
"""A longer tape is not copied for each run: what the runs append to it is small beside it."""


def cost_on_a_tape_of(length: int, room: Room) -> Sample:
    """CPU microseconds an event of the broker, synced, 64 events a turn."""
    copied = length <= COPIED_MAX
    tape = copy_with(room, length) if copied else nullcontext(home_with(room, length))
    with tape as home:
        return _by_cost(appended(home, load_of(room.events // 4, BATCHED, "synced")))


def cost_for_subscribers(count: int, room: Room) -> Sample:
    """The same, with so many subscribers on a fresh tape; the more hear, the fewer events."""
    with room.home() as home:
        events = max(room.events // max(1, count // 5), BATCHED[0])
        sample = appended(home, load_of(events, BATCHED, "synced"), _spread(count))
        return _by_cost(sample)


def _by_cost(sample: Sample) -> Sample:
    notes = {"appended_per_second": sample.value, **sample.notes}
    return Sample(sample.cpu_us["server"], sample.cpu_us, notes)


def _spread(count: int) -> tuple[int, ...]:
    """So many subscribers in processes of at most ten."""
    full, rest = divmod(count, SUBSCRIBERS_A_PROCESS)
    return (SUBSCRIBERS_A_PROCESS,) * full + ((rest,) if rest else ())
