"""A subject names what an event is about.

Two words for the stream, then a key, then at most one part.

``market.bars.NVDA.1d`` is stream ``market.bars``, key ``NVDA``, part ``1d``; where there is no key
it is ``-``. A key holds no dot, so that a subject splits one way only, and no NUL, which ends the
subject on the wire.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from bus.errors import BadSubject

NO_KEY = "-"
LENGTH_MAX = 120

_WORD = r"[a-z][a-z0-9_]*"
_NAME = r"[!-\-/-~]+"  # printable ASCII without space and dot
_GRAMMAR = re.compile(rf"({_WORD}\.{_WORD})\.({_NAME})(?:\.({_NAME}))?")


class Subject(NamedTuple):
    """The three parts of a subject; ``part`` is empty where there is none."""

    stream: str
    key: str
    part: str


@lru_cache(maxsize=65_536)
def parse(text: str) -> Subject:
    """Split a subject into its parts, or raise `BadSubject`."""
    match = _GRAMMAR.fullmatch(text) if len(text) <= LENGTH_MAX else None
    if match is None:
        raise _bad(text)
    return Subject(match[1], match[2], match[3] or "")


@lru_cache(maxsize=65_536)
def compose(stream: str, key: str = NO_KEY, part: str = "") -> str:
    """Join the parts to a subject; raises `BadSubject` where ``parse`` would."""
    text = f"{stream}.{key}.{part}" if part else f"{stream}.{key}"
    if parse(text) != (stream, key, part):
        raise _bad(text)  # a dot in a key would be another key with a part
    return text


def _bad(text: str) -> BadSubject:
    return BadSubject(
        f"{text[:LENGTH_MAX]!r} is not a subject",
        "write two words, a key without dots, and at most one part, like market.bars.NVDA.1d",
    )
