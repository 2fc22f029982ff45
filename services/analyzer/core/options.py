"""What the operator set for answering: fixed while the process lives, never on the tape."""

from __future__ import annotations

import msgspec


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How long what is held counts as fresh, and how long a question waits for something fresher.

    Evidence stays fresh for ``ttl_seconds`` and one cycle of the collector, ``cycle_seconds``.
    ``extended_symbols`` lets symbols like ``BTC-USD`` be asked for.
    """

    ttl_seconds: float = 300.0
    cycle_seconds: float = 300.0
    fetch_within_seconds: float = 12.0
    extended_symbols: bool = False

    @property
    def allowed_us(self) -> int:
        """How long evidence may lack a bar and still count as fresh."""
        return round((self.ttl_seconds + self.cycle_seconds) * 1_000_000)

    @property
    def cycle_us(self) -> int:
        """How long a source's refusal is believed without asking again."""
        return round(self.cycle_seconds * 1_000_000)

    @property
    def fetch_within_us(self) -> int:
        """How long a question waits."""
        return round(self.fetch_within_seconds * 1_000_000)
