"""Who watches long work on a tape: how far it has come, and which step it has reached."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Told now and then how many events are done, and of how many."""
Probe = Callable[[str], None]
"""Told each step that a death there must not harm."""


def unwatched(*_: object) -> None:
    """Nobody watches."""
