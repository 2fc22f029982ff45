"""``./tapedeck archive``: the oldest events go to a compressed file, and are read there again."""

from __future__ import annotations

from pathlib import Path

import click

from bus.actor import Refused
from bus.host import code_version
from bus.keeping.archive import archives_of
from bus.keeping.archives import Archives, Known, known_archives
from bus.keeping.attaching import Attached, attach, detach
from bus.keeping.cutting import Cut, cut, planned_cut
from bus.keeping.replacing import finish_replacing
from bus.keeping.standing import laggards
from config.settings import Settings
from market.instants import iso
from services.gateway.keeping.shell import answer, bar, forget, megabytes, near, services, stopped
from services.gateway.keeping.wanted import ArchiveWanted
from services.gateway.verb import OK

STATELESS = ("bus", "gateway")


def run(settings: Settings, wanted: ArchiveWanted, *, as_json: bool) -> int:
    """Do the one thing that is wanted; raises `Refused` and `BusError`."""
    tape = settings.tape_path
    if wanted.listed:
        answer(known := known_archives(tape), _list(known), as_json=as_json)
    elif wanted.attach:
        with bar("attach") as progress:
            done = attach(tape, _found(settings, wanted.attach), progress)
        answer(done, f"{near(done.archive)} is attached.\n{_readable(done)}", as_json=as_json)
    elif wanted.detach:
        with bar("detach") as progress:
            done = detach(tape, _found(settings, wanted.detach), progress)
        answer(done, f"{near(done.archive)} is detached.\n{_readable(done)}", as_json=as_json)
    else:
        _archive(settings, wanted, as_json=as_json)
    return OK


def _archive(settings: Settings, wanted: ArchiveWanted, *, as_json: bool) -> None:
    tape = settings.tape_path
    with stopped(settings, "archive"):
        if plan := finish_replacing(tape):
            click.echo(f"finished what `{plan.by}` had begun: see {plan.folder}", err=True)
        forget(settings)
        header = planned_cut(tape, wanted.before_us)
        if header is None:
            _nothing(wanted, known_archives(tape), as_json=as_json)
            return
        _check_states(settings, header.tape_id, header.last)
        with bar("archive") as progress:
            done = cut(tape, header, vacuum=wanted.vacuum, progress=progress)
    answer(done, _told(done), as_json=as_json)


def _check_states(settings: Settings, tape_id: str, seq: int) -> None:
    """A state that stands before the cut could never be folded again without the archive."""
    stateful = [name for name in services() if name not in STATELESS]
    behind = list(laggards(settings.state_dir, stateful, tape_id, code_version(), seq))
    if behind:
        raise Refused(
            "not_ready",
            f"what is archived ends at seq {seq}, and not every state is behind it:"
            f" {'; '.join(behind)}",
            "start the deck with `make run`, wait until ./tapedeck health says ready, stop it,"
            " then type this again",
        )


def _found(settings: Settings, name: str) -> Path:
    """The archive of this path, or of this name in the home."""
    own = archives_of(settings.tape_path) / name
    return own if own.exists() and not Path(name).exists() else Path(name)


def _nothing(wanted: ArchiveWanted, known: Archives, *, as_json: bool) -> None:
    before = f"nothing that could be archived was recorded before {wanted.before}"
    text = f"{before}: the tape begins at seq {known.tape_first}, and its last events stay on it"
    answer(known, text, as_json=as_json)


def _told(done: Cut) -> str:
    manifest = done.manifest
    room = f"; {megabytes(done.free_bytes)} of its file are free for new events"
    return (
        f"{near(done.archive)}\n"
        f"  {manifest.events:,} events, seqs {manifest.first} to {manifest.last}, the last one"
        f" recorded {iso(manifest.ends_at_us)}; every one verified\n"
        f"  {megabytes(manifest.bytes)}, SHA-256 {manifest.sha256}\n"
        f"The tape begins at seq {manifest.last + 1} now{room if done.free_bytes else ''}"
    )


def _list(known: Archives) -> str:
    lines = [_line(each) for each in known.archives] or ["no archives in the home"]
    if known.missing_to:
        lines.append(f"events up to seq {known.missing_to} lie in archives that are not here")
    begins = f"the tape begins at seq {known.tape_first}"
    return "\n".join([*lines, f"{begins}, and can be read from seq {known.readable_from} on"])


def _line(known: Known) -> str:
    if known.problem:
        return known.problem
    marks = ["attached"] * known.attached + ["the tape does not go on from it"] * (not known.joined)
    return (
        f"{near(known.path)}  seqs {known.first} to {known.last}, until {iso(known.ends_at_us)},"
        f" {megabytes(known.bytes)}{''.join(f', {mark}' for mark in marks)}"
    )


def _readable(done: Attached) -> str:
    return f"The tape can be read from seq {done.readable_from} on."
