"""Who watches long work on a tape: how far it has come, and which step it has reached."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Told now and then how many events are done, and of how many."""
Probe = Callable[[str], None]
"""Told each step that a death there must not harm."""


def unwatched(*_: object) -> None:
    """Nobody watches."""


def first_half(progress: Progress) -> Progress:
    """How far work has come whose second half takes as long."""
    return lambda done, of: progress(done, 2 * of)


def second_half(progress: Progress) -> Progress:
    """See `first_half`."""
    return lambda done, of: progress(of + done, 2 * of)
