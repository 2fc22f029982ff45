"""Work on homes that dies by SIGKILL, in each home at a later step: `deaths` gives the homes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from bus.keeping.attaching import attach
from bus.keeping.backup import back_up
from bus.keeping.cutting import cut, planned_cut
from bus.keeping.quarantine import quarantine
from bus.keeping.replacing import finish_replacing
from bus.keeping.restore import offer, restore
from bus.keeping.watching import Probe, Progress

ROOT = Path(__file__).resolve().parents[3]
NOON_SECONDS = 1_795_176_000.0
STEPS_MAX = 60


def states_of(home: Path) -> tuple[Path, ...]:
    """The folders of what was folded from the tape."""
    return (home / "state",)


def _backup(home: Path, reached: Probe) -> None:
    back_up(home / "tape.db", home / "copy.db", NOON_SECONDS, _steps(reached), reached)


def _quarantine(home: Path, reached: Probe) -> None:
    finish_replacing(home / "tape.db", reached)
    quarantine(home / "tape.db", states_of(home), NOON_SECONDS, _steps(reached), reached)


def _restore(home: Path, reached: Probe) -> None:
    tape, states = home / "tape.db", states_of(home)
    finish_replacing(tape, reached)
    wanted = offer(home / "copy.db", tape, states)
    restore(wanted, tape, states, NOON_SECONDS, _steps(reached), reached)


def _steps(reached: Probe) -> Progress:
    """Each page of events is a step too."""
    return lambda done, of: reached(f"{done} of {of} events")


def _archive(home: Path, reached: Probe) -> None:
    header = planned_cut(home / "tape.db", 6_000)
    assert header is not None
    cut(home / "tape.db", header, progress=_steps(reached), reached=reached)


def _attach(home: Path, reached: Probe) -> None:
    attach(home / "tape.db", home / "archive" / "tape-1-6.xz", _steps(reached), reached)


WORKS: dict[str, Callable[[Path, Probe], None]] = {
    "backup": _backup,
    "quarantine": _quarantine,
    "restore": _restore,
    "archive": _archive,
    "attach": _attach,
}


def deaths(work: str, home: Path, folder: Path) -> list[Path]:
    """Copies of the home, in each of which the work died at a later step; in none it finished."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bus.keeping.dying", work, str(home), str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [folder / str(step) for step in range(int(done.stdout))]


def main() -> None:
    """Die and die again, each time in a child of this process; print how often."""
    work, home, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    for step in range(STEPS_MAX):
        shutil.copytree(home, folder / str(step))
        child = os.fork()
        if child == 0:
            _die_at(step, WORKS[work], folder / str(step))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            sys.stdout.write(str(step))
            return
        assert code == -signal.SIGKILL, f"{work} failed at step {step}"
    raise AssertionError(f"{work} has more than {STEPS_MAX} steps")


def _die_at(step: int, work: Callable[[Path, Probe], None], home: Path) -> NoReturn:
    steps = iter(range(STEPS_MAX))

    def reached(name: str) -> None:
        del name
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    work(home, reached)
    os._exit(0)


if __name__ == "__main__":
    main()
