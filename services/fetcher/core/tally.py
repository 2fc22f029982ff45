"""What came of the calls to each source, counted since the tape began."""

from __future__ import annotations

import msgspec
from msgspec import field
from msgspec.structs import replace


class Tally(msgspec.Struct, frozen=True):
    """Calls begun, what came of those that ended, what was refused for which reason.

    A call may be answered and its price refused, and one call may be refused for two things.
    ``lost`` counts the answers whose bytes could not be kept, the last ``because`` of this.
    """

    calls: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    because: str = ""


NO_TALLY = Tally()


def called(tally: Tally) -> Tally:
    """One more call was begun."""
    return replace(tally, calls=tally.calls + 1)


def ended(tally: Tally, outcome: str) -> Tally:
    """A call was dealt with in this way."""
    return replace(tally, outcomes=_more(tally.outcomes, outcome))


def refused(tally: Tally, reason: str) -> Tally:
    """Something was refused for this reason."""
    return replace(tally, refusals=_more(tally.refusals, reason))


def lost(tally: Tally, because: str) -> Tally:
    """An answer's bytes could not be kept."""
    return replace(tally, lost=tally.lost + 1, because=because)


def _more(counts: dict[str, int], name: str) -> dict[str, int]:
    return {**counts, name: counts.get(name, 0) + 1}
