"""``./tapedeck restore``: a backup takes the tape's place, once it is told what that replaces."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from bus.actor import Refused
from bus.keeping.replacing import finish_replacing
from bus.keeping.restore import Offer, Present, Restored, offer, restore
from config.settings import Settings
from market.instants import iso
from services.gateway.keeping.shell import answer, bar, near, states, stopped
from services.gateway.keeping.wanted import RestoreWanted
from services.gateway.verb import OK

SHOWN = 12
"""Names of files that are built again."""


def run(settings: Settings, wanted: RestoreWanted, *, as_json: bool) -> int:
    """Verify, tell, ask, and do it; raises `Refused` where nobody says yes."""
    tape, projections = settings.tape_path, states(settings)
    with stopped(settings, "restore"):
        if plan := finish_replacing(tape):
            click.echo(f"finished what `{plan.by}` had begun: see {plan.folder}", err=True)
        with bar("verify") as progress:
            offered = offer(Path(wanted.source), tape, projections, progress)
        if not as_json:
            click.echo(in_words(offered))
        _confirm(wanted)
        with bar("restore") as progress:
            done = restore(offered, tape, projections, time.time(), progress)
    answer(done, _told(done), as_json=as_json)
    return OK


def in_words(offered: Offer) -> str:
    """What would be replaced by what, for people."""
    recorded = f", the last one recorded {iso(offered.at_us)}" if offered.at_us else ""
    lines = [
        f"{near(offered.source)}: {offered.events:,} events up to seq {offered.head}{recorded};"
        " sound",
        *_replaced(offered.present),
    ]
    if offered.states:
        more = f" and {len(offered.states) - SHOWN} more" if len(offered.states) > SHOWN else ""
        lines.append(f"  built again from the tape: {', '.join(offered.states[:SHOWN])}{more}")
    return "\n".join(lines)


def _replaced(present: Present | None) -> list[str]:
    if present is None:
        return ["There is no tape in its place now."]
    if present.problem:
        return [f"It replaces a tape that cannot be read: {present.problem}"]
    lines = [f"It replaces tape {present.tape_id}, which ends at seq {present.head}:"]
    if not present.newer:
        return [*lines, "  everything on it is in the backup"]
    history = "" if present.same else " (its history is not the backup's)"
    since = iso(present.newer_since_us)
    return [*lines, f"  {present.newer:,} events since {since} are not in the backup{history}"]


def _confirm(wanted: RestoreWanted) -> None:
    if wanted.yes:
        return
    if not sys.stdin.isatty():
        text = "nobody is there to say yes"
        raise Refused("not_confirmed", text, "look at what is replaced, then type it with --yes")
    if not click.confirm("What is replaced is moved to quarantine/, not deleted. Restore?"):
        raise Refused("not_confirmed", "nothing was changed")


def _told(done: Restored) -> str:
    return (
        f"Restored: tape {done.tape_id} holds {done.events:,} events up to seq {done.head}\n"
        f"What it replaced lies in {near(done.folder)}"
    )
