"""``./tapedeck archive``, as it is typed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from bus.clock import SystemClock
from bus.host import code_version
from bus.locks import hold
from bus.reading import TapeReader
from bus.saving import SnapshotSaver
from services.gateway.keeping.archive import STATELESS
from services.gateway.keeping.shell import services
from tests.bus.tapes import everything
from tests.bus.words import Tally
from tests.services.gateway.keeping.conftest import Type, lost_power

BEFORE = "1970-01-01T00:00:00.006Z"
"""Between the sixth event of the home's tape and the seventh."""


@pytest.fixture
def folded(home: Path) -> Path:
    """The home after a deck ran there and was stopped: every state stands at the head."""
    with closing(TapeReader(home / "tape.db")) as reader:
        tape_id, head = reader.tape_id(), reader.head()
    for service in set(services()) - set(STATELESS):
        path = home / "state" / f"{service}.snapshot"
        saver = SnapshotSaver(path, Tally, Tally, code_version(), SystemClock())
        saver.restore(tape_id)
        saver.finish(Tally(), head)
    return home


@pytest.mark.guarantee("archive")
def test_it_says_what_is_archived_where_and_where_the_tape_begins_now(
    folded: Path, type_: Type
) -> None:
    result = type_("archive", "--before", BEFORE)
    archive = folded / "archive" / "tape-1-6.xz"
    told = result.stdout.splitlines()

    assert (result.exit_code, result.stderr) == (0, "")
    assert told[0] == str(archive)
    assert told[1] == (
        "  6 events, seqs 1 to 6, the last one recorded 1970-01-01T00:00:00.005000Z;"
        " every one verified"
    )
    assert told[3].startswith("The tape begins at seq 7 now")
    assert [record.seq for record in everything(folded / "tape.db", 6)] == [7, 8, 9, 10]
    assert type_("verify").stdout == (
        f"{folded / 'tape.db'}: 4 events from seq 7 on, all sound\n{archive}: 6 events, all sound\n"
    )
    assert type_("verify", str(archive)).stdout == f"{archive}: 6 events, all sound\n"


def test_an_archive_is_attached_listed_and_detached_by_its_name(folded: Path, type_: Type) -> None:
    type_("archive", "--before", BEFORE)
    archive = folded / "archive" / "tape-1-6.xz"
    shown = []
    for words in (["--list"], ["--attach", "tape-1-6.xz"], ["--list"], ["--detach", str(archive)]):
        result = type_("archive", *words)
        assert result.exit_code == 0
        shown.append(result.stdout.splitlines())
    bare, attached, listed, detached = shown

    assert bare[0].startswith(f"{archive}  seqs 1 to 6, until 1970-01-01T00:00:00.005000Z, 0.0 MB")
    assert bare[1] == "the tape begins at seq 7, and can be read from seq 7 on"
    assert attached == [f"{archive} is attached.", "The tape can be read from seq 1 on."]
    assert listed[0].endswith(", attached")
    assert detached == [f"{archive} is detached.", "The tape can be read from seq 7 on."]


@pytest.mark.guarantee("snapshots")
def test_after_a_loss_of_power_a_state_from_behind_the_end_is_forgotten_first(
    folded: Path, type_: Type
) -> None:
    state = lost_power(folded)

    assert (type_("archive", "--before", BEFORE).exit_code, state.exists()) == (0, False)


@pytest.mark.guarantee("archive")
def test_before_every_state_is_behind_the_cut_nothing_is_archived(
    folded: Path, type_: Type
) -> None:
    (folded / "state" / "analyzer.snapshot").unlink()
    result = type_("archive", "--before", BEFORE)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "ends at seq 6, and not every state is behind it: analyzer has saved nothing yet" in (
        result.stderr
    )
    assert "start the deck with `make run`" in result.stderr
    assert not (folded / "archive").exists()


def test_while_the_deck_runs_nothing_is_archived(folded: Path, type_: Type) -> None:
    (folded / "run").mkdir(mode=0o700, exist_ok=True)
    with hold(folded / "run", "tapedeck", "there"):
        result = type_("archive", "--before", BEFORE)

    assert (result.exit_code, "stop it first" in result.stderr) == (1, True)


def test_where_nothing_is_old_enough_that_is_told_and_no_failure(folded: Path, type_: Type) -> None:
    result = type_("archive", "--before", "1969-12-31")

    assert result.exit_code == 0
    assert result.stdout == (
        "nothing that could be archived was recorded before 1969-12-31:"
        " the tape begins at seq 1, and its last events stay on it\n"
    )


@pytest.mark.parametrize(
    "words",
    [[], ["--list", "--before", "2026-01-01"], ["--before", "noon"], ["--before", ""]],
    ids=["nothing", "two things", "no instant", "an empty instant"],
)
def test_what_is_not_one_wish_is_wrong_usage(type_: Type, words: list[str]) -> None:
    result = type_("archive", *words)

    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.guarantee("bit-rot")
def test_a_damaged_archive_makes_verify_fail_and_is_named(folded: Path, type_: Type) -> None:
    type_("archive", "--before", BEFORE)
    archive = folded / "archive" / "tape-1-6.xz"
    archive.write_bytes(archive.read_bytes()[:-30])
    result = type_("verify")

    assert result.exit_code == 1
    assert "4 events from seq 7 on, all sound" in result.stdout
    assert f"{archive}: DAMAGED" in result.stdout
    assert type_("archive", "--attach", str(archive)).exit_code == 1


def test_an_archive_that_is_elsewhere_is_told_by_verify_and_list(folded: Path, type_: Type) -> None:
    type_("archive", "--before", BEFORE)
    (folded / "archive" / "tape-1-6.xz").rename(folded / "elsewhere.xz")
    missing = "events up to seq 6 lie in archives that are not here"

    assert (type_("verify").exit_code, missing in type_("verify").stdout) == (0, True)
    assert missing in type_("archive", "--list").stdout
    assert type_("archive", "--attach", str(folded / "elsewhere.xz")).exit_code == 0
    assert len(everything(folded / "tape.db")) == 10


def test_for_programs_it_is_json(folded: Path, type_: Type) -> None:
    made = msgspec.json.decode(type_("archive", "--before", BEFORE, "--vacuum", "--json").stdout)
    listed = msgspec.json.decode(type_("archive", "--list", "--json").stdout)

    assert (made["manifest"]["first"], made["manifest"]["last"], made["free_bytes"]) == (1, 6, 0)
    assert (listed["tape_first"], listed["archives"][0]["joined"]) == (7, True)
