"""``./tapedeck verify``: what of a tape is sound; in a process of its own, also while it grows."""

from __future__ import annotations

from pathlib import Path

from bus.verify import Report, inspect
from config.settings import Settings
from services.gateway.arguments import VerifyWanted
from services.gateway.keeping.shell import answer, bar
from services.gateway.verbs import OK

DAMAGED = 1

_REMEDY = (
    "\nNothing was changed. To go on with what is sound, stop the deck and type"
    "\n  ./tapedeck verify --quarantine"
)


def run(settings: Settings, wanted: VerifyWanted, *, as_json: bool) -> int:
    """Print the report; raises `CannotRun` where there is nothing to verify."""
    path = Path(wanted.path) if wanted.path else settings.tape_path
    with bar("verify") as progress:
        report = inspect(path, progress)
    remedy = "" if wanted.path else _REMEDY
    answer(report, in_words(report) + (remedy if report.found else ""), as_json=as_json)
    return DAMAGED if report.found else OK


def in_words(report: Report) -> str:
    """The report for people: the first damaged seq, and what is still to be trusted."""
    if not report.found:
        return f"{report.path}: {_events(report)}, all sound"
    lines = [
        f"{report.path}: DAMAGED; everything is sound up to seq {report.sound_to},"
        f" and {report.sound} of {_events(report)} are whole by themselves"
    ]
    lines += [f"  seq {finding.seq or '-'}: {finding.what}" for finding in report.findings]
    if report.found > len(report.findings):
        lines.append(f"  and {report.found - len(report.findings)} more")
    return "\n".join(lines)


def _events(report: Report) -> str:
    from_there = f" from seq {report.first} on" if report.first > 1 else ""
    return f"{max(report.kept_to - report.first + 1, 0)} events{from_there}"
