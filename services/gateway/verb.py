"""A verb: what can be asked of the deck, with its arguments, answer, routes and exit codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from bus.actor import Refused
from services.gateway import render
from services.gateway.arguments import Arguments
from services.gateway.talk import Talk

Method = Literal["GET", "POST", "DELETE"]

OK, FAILED, USAGE, DEGRADED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: done; refused or not reachable; a wrong command line; answered, but degraded; ended
by Ctrl-C."""


class Verb(msgspec.Struct, frozen=True, kw_only=True):
    """One row: a verb with its arguments, answer and HTTP routes, and how a terminal shows it.

    ``failed`` is the exit code where it could not do its work. ``endless`` ones go on until Ctrl-C,
    which is an interruption to all others.
    """

    name: str
    help: str
    arguments: type[Arguments] = Arguments
    answer: type[msgspec.Struct] | None = None
    talk: Callable[[Any], Talk] | None = None
    method: Method = "GET"
    routes: tuple[str, ...] = ()
    within_seconds: float = 10.0
    show: Callable[[dict[str, Any]], str] = render.anything
    program: str = ""
    offline: bool = False
    failed: int = FAILED
    endless: bool = False

    def begin(self, arguments: Arguments) -> Talk:
        """The verb's talk with the deck; raises `Refused` for one that runs in a terminal alone."""
        if self.talk is None:
            raise Refused(
                "unknown_verb",
                f"{self.name} runs in a terminal alone",
                f"type ./tapedeck {self.name}",
            )
        return self.talk(arguments)

    @property
    def changes(self) -> bool:
        """Whether it is a command."""
        return self.method != "GET"


def exit_code(verb: Verb, answer: dict[str, Any]) -> int:
    """The exit code of an answer: stale, simulated or unready data make a question's degraded."""
    degraded = answer.get("simulated") or answer.get("stale") or answer.get("ready") is False
    return DEGRADED if degraded and not verb.changes else OK
