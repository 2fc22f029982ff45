"""What the fetcher says of the exchange as a whole, in a provider's words: open or closed."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from bus.message import Event
from market.messages.words import Source

HOLIDAY_CHARACTERS_MAX = 80


class MarketStatus(Event, frozen=True):
    """Whether a source says that the exchange is open, beside what the calendar says of then.

    ``market_time_us`` is the source's own time. ``session`` is empty outside of all hours,
    ``holiday`` where the source names none.
    """

    stream: ClassVar[str] = "market.status"
    keyed_by: ClassVar[tuple[str, ...]] = ("exchange",)

    exchange: str
    source: Source
    is_open: bool
    expected: Literal["open", "closed", "unknown"]
    market_time_us: int
    session: Literal["pre_market", "regular", "post_market", ""] = ""
    holiday: Annotated[str, Meta(max_length=HOLIDAY_CHARACTERS_MAX)] = ""
    answer_hash: str = ""

    @property
    def denies_session(self) -> bool:
        """Whether the source says closed while the calendar has a session."""
        return self.expected == "open" and not self.is_open
