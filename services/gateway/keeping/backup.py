"""``./tapedeck backup``: a verified copy of the whole tape, also while the deck runs."""

from __future__ import annotations

import time
from pathlib import Path

from bus.keeping.backup import Backup, back_up
from bus.locks import hold
from config.settings import Settings
from market.instants import iso
from services.gateway.keeping.shell import answer, bar, megabytes, near, prepare
from services.gateway.keeping.wanted import BackupWanted
from services.gateway.verb import OK


def run(settings: Settings, wanted: BackupWanted, *, as_json: bool) -> int:
    """Make the copy and say what it holds."""
    prepare(settings)
    with hold(settings.run_dir, "backup", f"./tapedeck backup (home {settings.home})"):
        place = Path(wanted.to) if wanted.to else _own_folder(settings)
        with bar("backup") as progress:
            made = back_up(settings.tape_path, place, time.time(), progress)
    answer(made, in_words(made), as_json=as_json)
    return OK


def in_words(made: Backup) -> str:
    """What the copy holds, for people."""
    recorded = f", the last one recorded {iso(made.at_us)}" if made.at_us else ""
    return (
        f"{near(made.path)}\n"
        f"  {made.events:,} events up to seq {made.head}{recorded}; every one verified\n"
        f"  {megabytes(made.bytes)}, tape {made.tape_id}, seal {made.seal}"
    )


def _own_folder(settings: Settings) -> Path:
    """Of what a killed backup left there, nothing is worth keeping."""
    folder = settings.home / "backups"
    folder.mkdir(exist_ok=True)
    for left in folder.glob("tape-*.db.new"):
        left.unlink()
    return folder
