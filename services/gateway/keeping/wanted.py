"""What the verbs that verify, copy, archive and import data take."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from bus.actor import Refused
from services.gateway.arguments import POSITIONAL, Arguments
from services.gateway.times import instant_us


class VerifyWanted(Arguments, frozen=True):
    """A tape to be verified."""

    path: Annotated[
        str,
        Meta(
            description="a tape, a backup or an archive; the home's tape by default",
            extra={POSITIONAL: True},
        ),
    ] = ""
    quarantine: Annotated[
        bool,
        Meta(
            description="put what is sound in the place of a damaged tape, "
            "which is moved to quarantine/ whole; the deck must be stopped"
        ),
    ] = False


class BackupWanted(Arguments, frozen=True):
    """A copy of the tape."""

    to: Annotated[
        str,
        Meta(
            description="a file yet to be made, or a folder; backups/ in the home by default",
            extra={POSITIONAL: True},
        ),
    ] = ""


class RestoreWanted(Arguments, frozen=True):
    """A backup to be put in the tape's place."""

    source: Annotated[
        str, Meta(description="the backup", min_length=1, extra={POSITIONAL: True})
    ] = msgspec.field(name="from")
    yes: Annotated[bool, Meta(description="do not ask, once it is told what is replaced")] = False


class ArchiveWanted(Arguments, frozen=True):
    """One of: a prefix to be archived, an archive to be attached or detached, a list."""

    before: Annotated[
        str | None,
        Meta(
            description="archive what was recorded before this instant: 2026-11-20; "
            "the deck must be stopped"
        ),
    ] = None
    attach: Annotated[
        str, Meta(description="unpack this archive, so that what is in it can be read again")
    ] = ""
    detach: Annotated[str, Meta(description="remove what --attach unpacked of this archive")] = ""
    listed: Annotated[bool, Meta(description="list the archives in the home")] = msgspec.field(
        name="list", default=False
    )
    vacuum: Annotated[
        bool,
        Meta(
            description="with --before: make the tape's file smaller at once, for which the disk "
            "needs as much room as the tape then has; without it new events fill the room"
        ),
    ] = False

    def __post_init__(self) -> None:
        """Refuse what is no instant, or not one wish."""
        _ = self.before_us
        wishes = (self.before is not None, self.attach, self.detach, self.listed)
        if sum(map(bool, wishes)) != 1:
            raise Refused(
                "bad_argument",
                "archive takes one of --before, --attach, --detach and --list",
                "see ./tapedeck archive --help",
            )

    @property
    def before_us(self) -> int:
        """The instant in microseconds UTC, 0 without one; raises `Refused`."""
        return instant_us(self.before) if self.before is not None else 0


class ImportWanted(Arguments, frozen=True):
    """An older collector's data."""

    folder: Annotated[
        str,
        Meta(description="the folder in which an older collector kept its data", min_length=1),
    ]
