"""An older copy of the tape, whole or in part, is put in its place: nobody takes it for the tape.

In part, so that the witness beside it knows better: the writer refuses. Whole, with its witness:
who has heard more than it holds says so. No seq is given again while anybody remembers it.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache, partial
from pathlib import Path

import pytest

from bus.codec import Codec
from bus.errors import LogRegressed, StorageFailed, TapeDamaged
from bus.reading import TapeReader
from bus.runtime import Runtime
from bus.saving import SnapshotSaver
from bus.tape import TapeWriter
from bus.workers import Workers
from market.messages import CONTRACT as MARKET
from market.messages.fetcher import Quote
from services.cache.actor import build
from services.cache.saver import ShelfSaver
from services.cache.shelf import Shelf
from services.cache.store.sqlite import Tables
from tests.bus.rig import MemoryWire, Post, Rig, Station
from tests.bus.words import Counted, Tally, counter
from tests.torture.report import record
from tests.torture.storage_disk import LOG, MAIN, WITNESS, Files, Judge, lay, taken
from tests.torture.storage_story import Story

SEED = 9
AGES = ("older", "newer", "absent")


@pytest.mark.guarantee("regress")
def test_older_and_newer_files_together_are_refused_or_whole_if_the_witness_is_the_newer_one(
    tmp_path: Path,
) -> None:
    path, story = tmp_path / "tape.db", Story(SEED)
    copies: dict[str, Files] = {"absent": {}}
    with closing(TapeWriter(path)) as tape:
        story.begin(tape)
        for age in ("older", "newer"):
            story.go_on(tape, 30)
            copies[age] = taken(path)
            tape._db.execute("PRAGMA wal_checkpoint(RESTART)")
    judge, wrong = Judge(path, story, copies["newer"]), []
    for main, log in itertools.product(AGES, repeat=2):
        files = {
            suffix: copies[age][suffix]
            for suffix, age in ((MAIN, main), (LOG, log), (WITNESS, "newer"))
            if suffix in copies[age]
        }
        verdict = judge.judge(files)
        wrong += [f"{main} file, {log} log: {each}" for each in verdict.wrong]
        if verdict.refused == (main == log == "newer"):
            wrong.append(f"{main} file, {log} log: {verdict}")
    record("older files in place", faults=len(AGES) ** 2, silently_wrong=len(wrong))

    assert wrong == []


# -- a whole copy with its witness: only who heard more can tell -----------------------------------


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with closing(Rig(MemoryWire(), tmp_path)) as rig:
        rig.start()
        yield rig


def said(rig: Rig, producer: Station, *numbers: int) -> None:
    """The producer says these, and everybody there hears it."""
    for number in numbers:
        producer.append(Counted("A", number), mark=number)
    rig.until(lambda: producer.client.in_flight == 0)
    rig.beat()


def put_back(rig: Rig, older: Files) -> None:
    """The bus dies, the older copy takes the place of its files, and it starts again."""
    rig.crash()
    lay(rig.path, older)
    rig.start()


def numbers(rig: Rig) -> list[int]:
    return [event.number for event in rig.events() if isinstance(event, Counted)]


@pytest.mark.guarantee("regress")
def test_everybody_who_runs_and_has_heard_more_says_so_and_gives_no_seq_again(rig: Rig) -> None:
    producer, listener = rig.welcome("p"), rig.welcome("l")
    actor = rig.ready(counter())
    said(rig, producer, 1, 2, 3)
    older, before = taken(rig.path), rig.tape()
    said(rig, producer, 4, 5, 6)
    newcomer = rig.welcome("n")
    put_back(rig, older)
    producer.append(Counted("A", 7), mark=7)
    newcomer.append(Counted("A", 8), mark=8)
    parties = (producer, listener, actor, newcomer)
    rig.pass_time(lambda: all(party.failure for party in parties))
    record("an older copy under a running deck", faults=1, doubled=len(rig.tape()) - len(before))

    assert [type(party.failure) for party in parties] == [LogRegressed] * 4
    assert rig.tape() == before


def counting(rig: Rig, folder: Path) -> Post[Tally]:
    """The counter, with its snapshot."""
    path = folder / "counter.snapshot"
    return rig.post(counter(), saver=SnapshotSaver(path, Tally, Tally, "this code", rig.clock))


def caching(rig: Rig, folder: Path) -> Post[Shelf]:
    """The deck's own cache, with its tables."""
    client, link = rig._client("cache")
    codec = Codec(MARKET)
    opened = cache(partial(TapeReader, rig.path))
    shelf = Shelf(Tables(folder / "cache.db", "this code"), opened, codec, ttl_seconds=300.0)
    saver = ShelfSaver(shelf, folder / "exports", rig.clock)
    workers = Workers(lambda effect: None, client.wake)
    runtime = Runtime(build(lambda: shelf), client, codec, rig.clock, saver, workers)
    rig.parties.append(post := Post(runtime, client, link))
    return post


def quoted(rig: Rig, producer: Station, *marks: int) -> None:
    """The producer tells a price for each mark."""
    for mark in marks:
        quote = Quote("NVDA", 100.0 + mark, "yahoo", market_time_us=mark)
        producer.client.append((Codec(MARKET).draft(quote),), mark, "logged")
    rig.until(lambda: producer.client.in_flight == 0)


@pytest.mark.guarantee("regress")
@pytest.mark.guarantee("snapshots")
@pytest.mark.guarantee("projections")
@pytest.mark.parametrize(("start", "speak"), [(counting, said), (caching, quoted)])
def test_who_starts_with_a_state_from_behind_the_end_of_an_older_copy_says_so(
    rig: Rig,
    tmp_path: Path,
    start: Callable[[Rig, Path], Post[object]],
    speak: Callable[..., None],
) -> None:
    producer = rig.welcome("p", listening=False)
    post = start(rig, tmp_path)
    speak(rig, producer, 1, 2, 3)
    older = taken(rig.path)
    speak(rig, producer, 4, 5, 6)
    rig.until(lambda: post.client.ready and not post.client.follower.behind)
    rig.parties.remove(post)
    post.runtime.finish(1.0)
    rig.kill(producer)
    put_back(rig, older)
    again = start(rig, tmp_path)
    rig.until(lambda: again.failure)

    assert isinstance(again.failure, LogRegressed)
    assert "put the newer one back" in str(again.failure)


# -- while the bus runs ----------------------------------------------------------------------------


def renamed(path: Path, older: Path) -> None:
    """Another file takes the name; who has the former one open keeps it."""
    older.rename(path)


def copied_over(path: Path, older: Path) -> None:
    """The bytes of the open file are replaced."""
    shutil.copyfile(older, path)


@pytest.mark.guarantee("regress")
@pytest.mark.parametrize("put", [renamed, copied_over])
def test_a_file_that_is_replaced_under_the_running_bus_is_truth_or_an_error_and_then_refused(
    rig: Rig, tmp_path: Path, put: Callable[[Path, Path], None]
) -> None:
    producer = rig.welcome("p")
    said(rig, producer, *range(1, 40))
    assert rig.writer is not None
    rig.writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    older = tmp_path / "older.db"
    shutil.copyfile(rig.path, older)
    said(rig, producer, *range(40, 80))
    rig.writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    truth = rig.tape()
    put(rig.path, older)
    newcomer = rig.station("n")
    rig.pass_time(lambda: newcomer.failure or len(newcomer.records) == len(truth))
    producer.append(Counted("A", 80), mark=80)
    rig.pass_time(lambda: producer.acks or producer.failure)

    assert newcomer.records == truth[: len(newcomer.records)]
    assert newcomer.failure is None or isinstance(newcomer.failure, LogRegressed | TapeDamaged)
    assert producer.records[: len(truth)] == truth
    rig.crash()
    with pytest.raises((TapeDamaged, StorageFailed)):
        TapeWriter(rig.path)
