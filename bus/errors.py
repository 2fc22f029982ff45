"""What the bus says when it cannot do as asked: each error carries the value and the remedy."""

from __future__ import annotations


class BusError(Exception):
    """Anything the bus refuses.

    ``code`` is stable, ``message`` is for people, ``remedy`` is what to do.
    """

    code = "bus_error"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}: {self.remedy}" if self.remedy else self.message


class BadSubject(BusError):
    """A subject that breaks the grammar of ``bus.subject``."""

    code = "bad_subject"


class BadMessage(BusError):
    """Bytes that are not a message of the contract, or not a frame of the protocol."""

    code = "bad_message"


class MessageTooLarge(BusError):
    """A body or a batch beyond the limits of ``bus.codec``; nothing was appended."""

    code = "message_too_large"


class Conflict(BusError):
    """The subject's last event was not the one the producer expected; nothing was appended."""

    code = "conflict"


class Fenced(BusError):
    """A newer process speaks under this producer's name; this one must end."""

    code = "fenced"


class Unavailable(BusError):
    """Nobody serves the asked service now, or it did not answer before the deadline."""

    code = "unavailable"


class Overloaded(BusError):
    """A bounded queue is full; nothing was taken."""

    code = "overloaded"


class StorageFailed(BusError):
    """The disk refused the append (full, or an input/output error); reading goes on."""

    code = "storage_failed"


class TapeDamaged(BusError):
    """A row of the tape does not match its checksum, or the rows do not follow one another."""

    code = "tape_damaged"


class Truncated(BusError):
    """What is asked for lies before the first event that can be read: in an archive."""

    code = "truncated"

    def __init__(self, first: int) -> None:
        super().__init__(
            f"the tape can be read from seq {first} on, what came before was archived",
            "attach the archive: ./tapedeck archive --attach FILE (--list names the files)",
        )
        self.first = first


class LogRegressed(BusError):
    """The tape ends before what this reader already knows: an older copy lies in its place."""

    code = "log_regressed"


class AddressRefused(BusError):
    """An address the bus will not bind or connect to: too long, not local, or already taken."""

    code = "address_refused"


class AlreadyRunning(BusError):
    """Another deck, or another process of this name, holds the home."""

    code = "already_running"
