"""Puts another tape in the place of the present one, which is moved aside and never deleted.

A plan is laid beside the tape, and then it is carried out, step by step, each of them a rename.
Killed before the plan lies there nothing has happened; killed after it no deck starts in this home
until whoever comes next has finished it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from bus.errors import StorageFailed
from bus.keeping.copying import sync
from bus.keeping.watching import Probe, unwatched
from bus.saving import replace_file
from bus.tapefile import files_of, plan_of
from bus.witness import witness_of


class Plan(msgspec.Struct, frozen=True):
    """What goes where; all names are relative to the home.

    ``moved`` go to the folder under their own names, then ``placed`` are renamed (from, to).
    ``by`` is the command that wanted it, ``report`` what is laid beside what is moved.
    """

    by: str
    folder: str
    moved: tuple[str, ...]
    placed: tuple[tuple[str, str], ...]
    report: msgspec.Raw


def successor_of(tape: Path) -> Path:
    """Where the tape that will take the place is made."""
    return tape.with_name(f"{tape.name}.new")


def replace_tape(
    tape: Path,
    states: Iterable[Path],
    stamp: str,
    by: str,
    report: msgspec.Struct,
    reached: Probe = unwatched,
) -> Path:
    """Move the tape, and what was folded from it, to a folder of quarantine/, which is returned.

    `successor_of` the tape takes its place, if there is one. Raises `StorageFailed`.
    """
    home, successor = tape.parent, successor_of(tape)
    witness = witness_of(tape)
    # The successor has no log of its own: one that turns up later is the present tape's too.
    log = files_of(tape)[1:]
    gone = [*(path for path in (tape, witness, *states) if path.exists()), *log]
    pairs = ((successor, tape), (witness_of(successor), witness)) if successor.exists() else ()
    plan = Plan(
        by=by,
        folder=str(_free_folder(home / "quarantine", stamp).relative_to(home)),
        moved=tuple(str(path.relative_to(home)) for path in gone),
        placed=tuple((source.name, target.name) for source, target in pairs),
        report=msgspec.Raw(msgspec.json.encode(report)),
    )
    try:
        replace_file(plan_of(tape), msgspec.json.encode(plan))
        sync(home)
        reached("planned")
        _carry_out(tape, plan, reached)
    except OSError as error:
        raise _failed(tape, plan, error) from error
    return home / plan.folder


def finish_replacing(tape: Path, reached: Probe = unwatched) -> Plan | None:
    """Carry out what somebody began and did not finish; None where nothing is left to do."""
    plan = unfinished(tape)
    if plan is not None:
        try:
            _carry_out(tape, plan, reached)
        except OSError as error:
            raise _failed(tape, plan, error) from error
    return plan


def unfinished(tape: Path) -> Plan | None:
    """The plan that was begun and not finished, if there is one; raises `StorageFailed`."""
    try:
        return msgspec.json.decode(plan_of(tape).read_bytes(), type=Plan)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        text = f"{plan_of(tape)} says what must be moved where, and cannot be read ({error})"
        raise StorageFailed(text, "look at quarantine/, then remove that file") from error


def _carry_out(tape: Path, plan: Plan, reached: Probe) -> None:
    """What is done already is known by its file: nothing is moved twice."""
    home, folder = tape.parent, tape.parent / plan.folder
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / "report.json", msgspec.json.format(bytes(plan.report)))
    for name in plan.moved:
        if (home / name).exists() and not (folder / name).exists():
            (home / name).rename(folder / name)
            reached(f"moved {name}")
    sync(folder)
    for source, target in plan.placed:
        if (home / source).exists():
            (home / source).rename(home / target)
            reached(f"placed {target}")
    sync(home)
    plan_of(tape).unlink()
    reached("finished")


def _free_folder(quarantine: Path, stamp: str) -> Path:
    names = [stamp, *(f"{stamp}-{number}" for number in range(2, 100))]
    return next(quarantine / name for name in names if not (quarantine / name).exists())


def _failed(tape: Path, plan: Plan, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"{tape} could not be moved to {plan.folder} ({error})",
        f"see that quarantine/ lies on the disk of the tape and can be written, then: {plan.by}",
    )
