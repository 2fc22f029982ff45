"""The tape: a stretch of it, as it lies there."""

from __future__ import annotations

from bus.codec import Record
from market.messages.cache import FindEvents, SeqsFound
from services.gateway.arguments import EventsWanted
from services.gateway.records import listed
from services.gateway.talk import ReadTape, Talk


def events(arguments: EventsWanted) -> Talk:
    """A stretch of the tape, oldest first."""
    found: SeqsFound = yield FindEvents(
        arguments.subject,
        from_seq=max(arguments.from_seq, 1),
        limit=arguments.limit,
        newest=arguments.from_seq == 0,
    )
    records: list[Record] = yield ReadTape(found.seqs)
    return listed(records, found.next_seq, found.seq)
