"""``./tapedeck backup``, as it is typed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec

from bus.keeping.verify import inspect
from bus.tape import TapeWriter
from tests.bus.tapes import write
from tests.services.gateway.keeping.conftest import Type


def test_a_backup_of_a_tape_in_use_lies_in_the_home_and_says_what_it_holds(
    home: Path, type_: Type
) -> None:
    with closing(TapeWriter(home / "tape.db")) as writer:
        write(writer, 1)
        result = type_("backup")
        tape_id = writer.tape_id
    [made] = (home / "backups").glob("tape-*-12.db")

    assert result.exit_code == 0
    assert result.stdout.startswith(f"{made}\n  12 events up to seq 12, the last one recorded 1970")
    assert f"tape {tape_id}" in result.stdout
    assert inspect(made).findings == ()


def test_for_programs_it_is_json(tmp_path: Path, type_: Type) -> None:
    told = msgspec.json.decode(type_("backup", str(tmp_path / "copy.db"), "--json").stdout)

    assert (told["path"], told["first"], told["head"], told["events"]) == (
        str(tmp_path / "copy.db"),
        1,
        10,
        10,
    )
    assert (told["bytes"], len(told["seal"])) == ((tmp_path / "copy.db").stat().st_size, 32)


def test_a_file_that_is_there_is_refused_with_the_remedy(tmp_path: Path, type_: Type) -> None:
    (tmp_path / "copy.db").write_bytes(b"mine")
    result = type_("backup", str(tmp_path / "copy.db"))

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{tmp_path / 'copy.db'} is there already\nname another file\n"


def test_what_a_killed_backup_left_is_cleared_away(home: Path, type_: Type) -> None:
    (home / "backups").mkdir()
    (home / "backups" / "tape-20261120T154200Z-7.db.new").write_bytes(b"half")
    type_("backup")

    assert list((home / "backups").glob("*.new")) == []
