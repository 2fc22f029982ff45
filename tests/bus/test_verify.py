"""What `python -m bus.verify` finds on a tape, and what it says of a sound one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from bus.codec import Append, Draft
from bus.tape import TapeWriter
from bus.verify import CANNOT_RUN, CLEAN, DAMAGED, Finding, Report, inspect, main

SUBJECTS = ("market.quote.A", "market.quote.B")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A tape of ten events on two subjects."""
    tape = TapeWriter(tmp_path / "tape.db")
    epoch = tape.enlist("fetcher", 0).epoch
    for turn in range(5):
        drafts = tuple(Draft(s, 1, msgspec.Raw(b"\x81\xa1n%c" % turn)) for s in SUBJECTS)
        tape.append([Append("fetcher", epoch, turn - 1, turn, "logged", drafts)], 1_000 + turn)
    tape.close()
    return tmp_path / "tape.db"


def hurt(path: Path, sql: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute(sql)


def test_a_sound_tape_is_clean(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(path)]) == CLEAN
    assert capsys.readouterr().out == f"{path}: 10 events, all sound\n"


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        ("UPDATE event SET body = x'80' WHERE seq = 4", Finding(4, "does not match its checksum")),
        ("UPDATE event SET at_us = 2000 WHERE seq = 4", Finding(4, "does not match its checksum")),
        (
            "DELETE FROM event WHERE seq = 4",
            Finding(5, "follows seq 3: the events between are missing"),
        ),
        ("UPDATE head SET seq = 9", Finding(0, "the head of market.quote.B is not its last event")),
        ("UPDATE mark SET last = 99", Finding(0, "the last turn of fetcher is not on the tape")),
    ],
)
def test_the_first_damage_is_named(path: Path, sql: str, finding: Finding) -> None:
    hurt(path, sql)
    assert main([str(path)]) == DAMAGED
    assert inspect(path).findings[0] == finding


def test_what_lies_before_the_damage_is_told_to_be_sound(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hurt(path, "UPDATE event SET producer = 'twin' WHERE seq = 7")
    assert main(["--json", str(path)]) == DAMAGED
    report = msgspec.json.decode(capsys.readouterr().out, type=Report)
    assert (report.records, report.sound_to, report.findings[0].seq) == (10, 6, 7)


def test_every_flipped_byte_of_the_events_is_found_or_harmless(path: Path) -> None:
    whole = path.read_bytes()
    clean = inspect(path)
    for place in range(len(whole) - 1_200, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        report = inspect(path)
        same = (report.records, report.sound_to) == (clean.records, clean.sound_to)
        assert report.findings or same


@pytest.mark.parametrize("content", [b"", b"no database at all" * 300])
def test_what_is_no_tape_cannot_be_verified(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(content)
    assert main([str(path)]) in (CANNOT_RUN, DAMAGED)


def test_a_tape_that_is_not_there_cannot_be_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "none.db")]) == CANNOT_RUN
    assert "name a tape" in capsys.readouterr().err
