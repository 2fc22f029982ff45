"""``./tapedeck verify``: what of a tape is sound, and how to go on with that (``--quarantine``)."""

from __future__ import annotations

import time
from pathlib import Path

import click

from bus.actor import Refused
from bus.keeping.archives import checked, inspect_all
from bus.keeping.inspection import Finding
from bus.keeping.quarantine import Quarantined, quarantine
from bus.keeping.replacing import finish_replacing, unfinished
from bus.keeping.verify import CannotRun, Checked, Report
from config.settings import Settings
from services.gateway.keeping.shell import answer, bar, near, states, stopped
from services.gateway.keeping.wanted import VerifyWanted
from services.gateway.verb import OK

DAMAGED = 1

_REMEDY = (
    "\nNothing was changed. To go on with what is sound, stop the deck and type"
    "\n  ./tapedeck verify --quarantine"
)


def run(settings: Settings, wanted: VerifyWanted, *, as_json: bool) -> int:
    """Print the report; raises `CannotRun` where there is nothing to verify."""
    if wanted.quarantine:
        return _quarantine(settings, wanted, as_json=as_json)
    path = Path(wanted.path) if wanted.path else settings.tape_path
    if plan := unfinished(path):
        text = f"`{plan.by}` was killed while it moved {path} to {plan.folder}"
        raise CannotRun(text, "finish it: ./tapedeck verify --quarantine")
    if path.suffix == ".xz":
        return _archive(path, as_json=as_json)
    with bar("verify") as progress:
        report = inspect_all(path, progress)
    remedy = _REMEDY if report.found and not wanted.path else ""
    answer(report, in_words(report) + remedy, as_json=as_json)
    return OK if report.clean else DAMAGED


def in_words(report: Report) -> str:
    """The report for people: the first damaged seq, and what is still to be trusted."""
    missing = f"events up to seq {report.missing_to} lie in archives that are not here"
    return "\n".join(
        [
            *_tape(report),
            *(_checked(archive) for archive in report.archives),
            *[missing][: bool(report.missing_to)],
        ]
    )


def _tape(report: Report) -> list[str]:
    if not report.found:
        return [f"{near(report.path)}: {_events(report)}, all sound"]
    more = report.found - len(report.findings)
    return [
        f"{near(report.path)}: DAMAGED; everything is sound up to seq {report.sound_to},"
        f" and {report.sound} of {_events(report)} are whole by themselves",
        *map(_finding, report.findings),
        *[f"  and {more} more"][: bool(more)],
    ]


def _finding(finding: Finding) -> str:
    return f"  seq {finding.seq or '-'}: {finding.what}"


def _checked(archive: Checked) -> str:
    if not archive.found:
        return f"{near(archive.path)}: {archive.last - archive.first + 1} events, all sound"
    return "\n".join([f"{near(archive.path)}: DAMAGED", *map(_finding, archive.findings)])


def _archive(path: Path, *, as_json: bool) -> int:
    if not path.is_file():
        raise CannotRun(f"{path} is not there", "name a tape, a backup or an archive")
    with bar("verify") as progress:
        report = checked(path, progress)
    answer(report, _checked(report), as_json=as_json)
    return DAMAGED if report.found else OK


def _quarantine(settings: Settings, wanted: VerifyWanted, *, as_json: bool) -> int:
    if wanted.path:
        remedy = "leave PATH out, or set TAPEDECK_HOME"
        raise Refused("bad_argument", "--quarantine takes the home's tape alone", remedy)
    tape = settings.tape_path
    with stopped(settings, "verify --quarantine"), bar("verify") as progress:
        if plan := finish_replacing(tape):
            click.echo(f"finished what `{plan.by}` had begun: see {plan.folder}", err=True)
        if plan and not tape.exists():
            return OK
        done = quarantine(tape, states(settings), time.time(), progress)
    if done is None:
        answer(report := inspect_all(tape), in_words(report), as_json=as_json)
        return OK if report.clean else DAMAGED
    answer(done, _told(done), as_json=as_json)
    return DAMAGED


def _told(done: Quarantined) -> str:
    goes_on = (
        f"a new tape ({done.tape_id}) holds {done.kept} events up to seq {done.report.sound_to}"
    )
    nothing = "nothing was sound: the next start of the deck makes an empty tape"
    return (
        f"{in_words(done.report)}\n"
        f"{goes_on if done.tape_id else nothing}; {done.lost} events are lost to it\n"
        f"The damaged tape, and what was folded from it, lie in {near(done.folder)}"
    )


def _events(report: Report) -> str:
    from_there = f" from seq {report.first} on" if report.first > 1 else ""
    return f"{max(report.kept_to - report.first + 1, 0)} events{from_there}"
