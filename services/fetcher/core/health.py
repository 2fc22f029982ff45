"""What is known of a source: how it fares as a whole, and its breaker for each capability."""

from __future__ import annotations

import msgspec

from market.messages.fetcher import GateState
from services.fetcher.core.tally import NO_TALLY, Tally

NEVER_US = 2**62


class Health(msgspec.Struct, frozen=True):
    """How a source fares as a whole: its budget, and its 429s without an answer.

    ``under_way`` is when its open calls were said, ``calls`` when those of the last minute ended.
    ``slowed_per_minute`` is what the last 429 left of its budget (0: all of it), which grows again
    from ``slowed_from_us`` on.
    """

    under_way: tuple[int, ...] = ()
    calls: tuple[int, ...] = ()
    slowed_per_minute: int = 0
    slowed_from_us: int = 0
    pauses: int = 0
    last_answer_us: int = 0
    tally: Tally = NO_TALLY


class Gate(msgspec.Struct, frozen=True):
    """The breaker of one capability of one source, as its last event told it.

    ``failed`` is the first ticker that failed since the last answer: it counts once, however often
    it fails again, since it takes another ticker's failure to say that the source is down.
    """

    state: GateState = "closed"
    reason: str = ""
    retry_at_us: int = 0
    times: int = 0
    since_us: int = 0
    key_hash: str = ""
    failed: str = ""

    @property
    def until_us(self) -> int:
        """Until when nothing is asked; the past where something may be."""
        if self.state in ("closed", "half_open"):
            return 0
        return NEVER_US if self.state == "stopped" else self.retry_at_us

    @property
    def doubtful(self) -> bool:
        """Whether one call at a time is enough until it answers."""
        return self.state != "closed" or bool(self.failed)


NO_GATE = Gate()


def gate_key(source: str, capability: str) -> str:
    """Where a gate is kept."""
    return f"{source}/{capability}"
