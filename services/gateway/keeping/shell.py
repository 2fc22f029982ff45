"""What the programs that keep the tape share: a deck that is stopped, a bar, an answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from bus.actor import Refused
from bus.errors import AlreadyRunning
from bus.keeping.forgetting import forget_lost
from bus.keeping.watching import Progress
from bus.locks import hold
from config.settings import PROJECT_ROOT, Settings, SettingsError, prepare_home
from market.instants import jsonable

LONG_EVENTS = 50_000
"""Less is done within a second, and needs no bar."""


def services() -> tuple[str, ...]:
    """The names of the deck's processes, as the Procfile has them."""
    lines = (PROJECT_ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    return tuple(line.partition(":")[0] for line in lines if ":" in line)


def prepare(settings: Settings) -> None:
    """Make the home's folders; raises `Refused`."""
    try:
        prepare_home(settings)
    except SettingsError as error:
        raise Refused("bad_settings", str(error)) from error


def forget(settings: Settings) -> None:
    """Forget what states know of an end that the tape lost to the power, and say whose."""
    for service in forget_lost(settings.tape_path, settings.state_dir):
        text = f"{service} knew of an end that was lost with the power: it folds the tape again"
        click.echo(text, err=True)


@contextmanager
def stopped(settings: Settings, verb: str) -> Iterator[None]:
    """No process of the deck runs in this home, and none can be started; raises `AlreadyRunning`.

    A service that was started by itself holds a lock of its own.
    """
    prepare(settings)
    where = f"./tapedeck {verb} (home {settings.home})"
    with ExitStack() as locks:
        try:
            for name in ("tapedeck", *services()):
                locks.enter_context(hold(settings.run_dir, name, where))
        except AlreadyRunning as error:
            remedy = f"stop it first (Ctrl-C where it runs), then type ./tapedeck {verb} again"
            raise AlreadyRunning(error.message, remedy) from error
        yield


def states(settings: Settings) -> tuple[Path, ...]:
    """What was folded from the tape, and can be built again: snapshots, tables, exports."""
    return (settings.state_dir, settings.home / "cache")


@contextmanager
def bar(label: str) -> Iterator[Progress]:
    """Progress on the terminal, on stderr, where there is one and the tape is long."""
    with ExitStack() as stack:
        shown: list[Any] = []

        def tell(done: int, of: int) -> None:
            if not shown and of >= LONG_EVENTS and sys.stderr.isatty():
                line = click.progressbar(length=of, label=label, file=sys.stderr)
                shown.append(stack.enter_context(line))
            for each in shown:
                each.update(done - each.pos)

        yield tell


def answer(value: msgspec.Struct, text: str, *, as_json: bool) -> None:
    """Print what came of it: for programs, or for people."""
    as_text = msgspec.json.format(msgspec.json.encode(jsonable(value)), indent=2).decode()
    click.echo(as_text if as_json else text)


def near(path: str | Path) -> str:
    """The path as it is shortest to type: what lies in the folder one is in without that folder."""
    inside = Path(path).is_relative_to(Path.cwd())
    return str(Path(path).relative_to(Path.cwd()) if inside else path)


def megabytes(size: int) -> str:
    """A size as people read it."""
    return f"{size / 1e6:,.1f} MB"
