"""The raw answers are kept as they came, without the key, for some days, and never for too much."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace as replaced
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from bus.testing import given, microseconds
from config.settings import FetcherSettings, Secret, Settings
from market.messages.fetcher import Bars, FetchRefused, Quote, SourceCalled
from services.fetcher.actor import build
from services.fetcher.core.answers import Failure
from services.fetcher.effects import Fetch, FetchFailed, Open
from services.fetcher.perform import fetch
from services.fetcher.ports import real_ports
from services.fetcher.raw import RawAnswer
from services.fetcher.shelf import DayShelf, Keeper, ShelfFull
from tests.fakes.finnhub import WRONG_KEY
from tests.services.fetcher.kit import OPTIONS, Clock, World, http_answer, table

MONDAY = "2026-01-05T15:00:00"
CALL = SourceCalled("yahoo", "bars", "SPY", "1d")
RAW = RawAnswer(
    200, {"content-type": "application/json;charset=utf-8"}, b"{}" * 500, "https://x.example/SPY"
)

MakeShelf = Callable[..., DayShelf]


@pytest.fixture
def clock() -> Clock:
    return Clock(microseconds(MONDAY))


@pytest.fixture
def shelf(tmp_path: Path, clock: Clock) -> Iterator[MakeShelf]:
    """Makes shelves in one folder, and lets go of them."""
    made: list[DayShelf] = []

    def make(days: int = 7, bytes_max: int = 10_000_000) -> DayShelf:
        made.append(DayShelf(tmp_path / "raw", days, bytes_max, lambda: clock.now_us))
        return made[-1]

    yield make
    for one in made:
        one.close()


def kept(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """The rows of every day."""
    days = {}
    for path in sorted((folder / "raw").glob("*.db")):
        file = sqlite3.connect(path)
        days[path.stem] = file.execute("SELECT * FROM answers ORDER BY received_us").fetchall()
        file.close()
    return days


def bodies(folder: Path) -> dict[str, bytes]:
    return {
        str(row[0]): zlib.decompress(row[-1])
        for rows in kept(folder).values()
        for row in rows
        if isinstance(row[-1], bytes)
    }


def numbered(n: int) -> RawAnswer:
    return replace(RAW, body=b"%d" % n)


def test_an_answer_is_kept_with_what_came_with_it(shelf: MakeShelf, tmp_path: Path) -> None:
    shelf().keep(RAW, CALL)
    ((day, rows),) = kept(tmp_path).items()
    (row,) = rows
    assert day == "2026-01-05"
    assert row[:-1] == (
        RAW.digest,
        "yahoo",
        "SPY",
        "https://x.example/SPY",
        200,
        "application/json",
        microseconds(MONDAY),
    )
    assert bodies(tmp_path) == {RAW.digest: RAW.body}
    assert len(row[-1]) < len(RAW.body) / 10  # type: ignore[arg-type]


def test_the_same_bytes_are_kept_once_a_day(shelf: MakeShelf, tmp_path: Path, clock: Clock) -> None:
    one = shelf()
    for _ in range(3):
        one.keep(RAW, CALL)
        shelf().keep(RAW, CALL)  # another process
    clock.now_us += 86_400_000_000
    one.keep(RAW, CALL)
    assert {day: len(rows) for day, rows in kept(tmp_path).items()} == {
        "2026-01-05": 1,
        "2026-01-06": 1,
    }


def test_days_beyond_the_set_ones_go(shelf: MakeShelf, tmp_path: Path, clock: Clock) -> None:
    one = shelf(days=3)
    for n in range(5):
        one.keep(numbered(n), CALL)
        clock.now_us += 86_400_000_000
    assert list(kept(tmp_path)) == ["2026-01-07", "2026-01-08", "2026-01-09"]
    assert sorted(path.name for path in (tmp_path / "raw").iterdir() if "05" in path.name) == []


def test_with_no_days_nothing_is_kept(shelf: MakeShelf, tmp_path: Path) -> None:
    shelf(days=0).keep(RAW, CALL)
    assert not (tmp_path / "raw").exists()


def test_where_the_room_is_over_the_oldest_day_goes_and_today_stays(
    shelf: MakeShelf, tmp_path: Path, clock: Clock
) -> None:
    one = shelf(bytes_max=1_000_000)
    one.keep(RAW, CALL)
    clock.now_us += 86_400_000_000
    noise = Random(7).randbytes
    for _ in range(5):
        one.keep(replace(RAW, body=noise(60_000)), CALL)
    with pytest.raises(ShelfFull, match=r"raise fetcher\.raw_megabytes"):
        one.keep(replace(RAW, body=noise(600_000)), CALL)
    assert list(kept(tmp_path)) == ["2026-01-06"]
    assert kept(tmp_path)["2026-01-06"]


def test_a_day_that_was_taken_away_is_begun_again(shelf: MakeShelf, tmp_path: Path) -> None:
    one = shelf()
    one.keep(RAW, CALL)
    for path in (tmp_path / "raw").iterdir():
        path.unlink()
    one.keep(RAW, CALL)
    assert list(bodies(tmp_path)) == [RAW.digest]


class BrokenShelf:
    """A shelf that fails as a full disk does."""

    def keep(self, raw: RawAnswer, call: SourceCalled) -> None:
        raise sqlite3.OperationalError("database or disk is full")


def test_what_cannot_be_kept_is_counted_told_ever_more_rarely_and_stops_nothing() -> None:
    keeper = Keeper(BrokenShelf(), Secret())
    with capture_logs() as logs:
        for _ in range(9):
            assert "disk is full" in keeper.keep(RAW, CALL)
    assert keeper.lost == 9
    assert [line["times"] for line in logs] == [1, 2, 4, 8]
    assert {line["event"] for line in logs} == {"raw.not_kept"}


@pytest.mark.parametrize(
    "raw", [replace(RAW, body=b"your key c0ffee"), replace(RAW, url="https://x?k=c0ffee")]
)
def test_an_answer_that_repeats_the_key_is_not_kept(
    shelf: MakeShelf, tmp_path: Path, raw: RawAnswer
) -> None:
    keeper = Keeper(shelf(), Secret("c0ffee"))
    with capture_logs() as logs:
        keeper.keep(raw, CALL)
        keeper.keep(RAW, CALL)
    assert list(bodies(tmp_path)) == [RAW.digest]
    assert [line["reason"] for line in logs] == ["it holds the key"]
    assert "c0ffee" not in repr(logs)


def test_a_failure_never_repeats_the_key(world: World) -> None:
    world.http.down = RawAnswer(401, {}, b'{"error":"good-key is no key"}')
    command = fetch(Fetch(SourceCalled("finnhub", "quote", "SPY"), 1, 0), world.ports)
    assert isinstance(command, FetchFailed)
    assert isinstance(command.failure, Failure)
    assert "*** is no key" in command.failure.message


@pytest.fixture
def world() -> World:
    return World()


def test_every_quote_bar_and_refusal_names_bytes_that_are_kept(
    world: World, shelf: MakeShelf, tmp_path: Path
) -> None:
    world.ports = replaced(world.ports, keeper=Keeper(shelf(), Secret(world.key)))
    world.http.faults["QQQ"] = http_answer(WRONG_KEY)
    deck = given(build(OPTIONS), ("14:00", table("2025-01-06", "2027-01-04")))
    deck.tell("15:00", Open())
    world.run(deck, "15:06")
    named = {
        event.answer_hash for event in deck.said if isinstance(event, Quote | Bars | FetchRefused)
    }
    assert len(named) >= 5
    assert named <= set(bodies(tmp_path))
    assert world.key.encode() not in b"".join(p.read_bytes() for p in (tmp_path / "raw").iterdir())


def test_the_settings_say_where_and_how_long(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, fetcher=FetcherSettings(raw_days=0))
    real_ports(settings).keeper.keep(RAW, CALL)
    assert not settings.raw_dir.exists()
    ports = real_ports(Settings(home=tmp_path))
    ports.keeper.keep(RAW, CALL)
    assert list(bodies(tmp_path)) == [RAW.digest]
