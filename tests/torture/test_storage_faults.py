"""The disk refuses at each operation: the append is refused whole, and reading goes on.

Appending goes on by itself as soon as the disk takes again, and nothing is doubled by the resend.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import apsw
import pytest

from bus.codec import Heartbeat, Record, decode_live
from bus.errors import StorageFailed
from bus.keeping.verify import inspect
from bus.reading import TapeReader
from bus.tape import TapeWriter
from bus.witness import witness_of
from tests.bus.rig import MemoryWire, Rig
from tests.bus.test_tape import full_witness
from tests.bus.words import Counted, Doubled
from tests.torture.forms import forms
from tests.torture.report import record
from tests.torture.storage_disk import lay, taken, without_epochs
from tests.torture.storage_drive import Drive, Operation
from tests.torture.storage_story import PRODUCERS, Story

SEED = 5
COMMITS = 9
CHECKPOINT_PAGES = 24
TRIES_MAX = 50

T = TypeVar("T")


class Refusal:
    """Refuses the operation of a number, and all after it while ``lasting``, until it is over."""

    def __init__(self, number: int, error: type[apsw.Error], *, lasting: bool) -> None:
        self._number = number
        self._error = error
        self._lasting = lasting
        self._seen = 0
        self.met = False
        self.over = False

    def __call__(self, operation: Operation) -> None:
        if operation.kind == "found" or self.over:
            return
        self._seen += 1
        if self._seen > self._number and (self._lasting or not self.met):
            self.met = True
            raise self._error("the drive refuses")


class Ordeal:
    """A story told to a tape on a drive that refuses; what is wrong with it all."""

    def __init__(self, path: Path, refusal: Refusal) -> None:
        self.path = path
        self.story = Story(SEED)
        self.refusal = refusal
        self.wrong: list[str] = []
        self.refused = 0
        self.drive = Drive(CHECKPOINT_PAGES)
        self.drive.fault = refusal

    def tell(self) -> None:
        """All of it; whatever is refused is said again, after the drive has come back."""
        tape = self._until_taken(lambda: TapeWriter(self.path, self.drive.connected))
        with closing(TapeReader(self.path)):
            # The first one rebuilds SQLite's index (see `tests.torture.storage_drive`), those that
            # come beside it do not.
            self._go_on(tape)
        tape.close()

    def _go_on(self, tape: TapeWriter) -> None:
        for producer in PRODUCERS:
            self.story.marks[producer] = self._until_taken(lambda: tape.enlist(producer, 0))  # noqa: B023
        for number in range(COMMITS):
            turns = self.story.turns("synced" if number % 3 == 0 else "logged")
            self._until_taken(lambda: self.story.say(tape, turns), tape)  # noqa: B023

    def check(self) -> None:
        """The tape is what was told, for a writer, a reader and verify."""
        with closing(TapeWriter(self.path)) as tape:
            self._expect("head", tape.head, len(self.story.records))
            self._expect("heads", tape.heads, self.story.heads)
            marks = without_epochs(tape.marks)
            self._expect("marks", marks, without_epochs(self.story.marks))
        self._expect("records", read(self.path), self.story.records)
        self._expect("findings of verify", inspect(self.path).findings, ())

    def _until_taken(self, attempt: Callable[[], T], tape: TapeWriter | None = None) -> T:
        for _ in range(TRIES_MAX):
            try:
                return attempt()
            except StorageFailed as error:
                self.refused += 1
                self._expect("a remedy", bool(error.remedy), True)
                if tape is not None:
                    self._nothing_was_taken(tape)
                self.refusal.over = True
        raise AssertionError("the drive took nothing any more")

    def _nothing_was_taken(self, tape: TapeWriter) -> None:
        known = (tape.head, tape.heads, without_epochs(tape.marks))
        story = self.story
        said = (len(story.records), story.heads, without_epochs(story.marks))
        self._expect("head, heads and marks after a refusal", known, said)
        self._expect("records after a refusal", read(self.path), story.records)
        self._nothing_is_lost_if_it_dies_now()

    def _nothing_is_lost_if_it_dies_now(self) -> None:
        """What was refused may lie in the log whole: it is said again, and then a repetition."""
        elsewhere = self.path.with_name("dead.db")
        lay(elsewhere, taken(self.path))
        with closing(TapeWriter(elsewhere)):
            found = read(elsewhere)
        known = self.story.records
        self._expect("records of who died after a refusal", found[: len(known)], known)

    def _expect(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            self.wrong.append(f"{what}: {str(found)[:200]}, not {str(wanted)[:200]}")


def read(path: Path) -> list[Record]:
    with closing(TapeReader(path)) as reader:
        return reader.read(0, 10_000)


@pytest.mark.guarantee("disk-full")
@forms("stride", short=9, long=1)
@pytest.mark.parametrize("lasting", [True, False], ids=["until it is mended", "once"])
@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError], ids=["full", "failing"])
def test_a_drive_that_refuses_any_operation_costs_that_append_and_nothing_else(
    tmp_path: Path, error: type[apsw.Error], lasting: bool, stride: int
) -> None:
    began, number = time.monotonic(), 0
    ordeals: list[Ordeal] = []
    wrong: list[str] = []
    while not ordeals or ordeals[-1].refusal.met:
        lay(tmp_path / "tape.db", {})
        ordeal = Ordeal(tmp_path / "tape.db", Refusal(number, error, lasting=lasting))
        ordeal.tell()
        ordeal.check()
        wrong += [f"operation {number}: {each}" for each in ordeal.wrong]
        ordeals.append(ordeal)
        number += stride
    record(
        f"a drive that is {'full' if error is apsw.FullError else 'failing'}",
        faults=len(ordeals) - 1,
        acknowledged=sum(len(each.story.records) for each in ordeals),
        lost=len(wrong),
        resends=sum(each.refused for each in ordeals),
        seconds=time.monotonic() - began,
    )

    assert wrong == []
    assert sum(each.refused for each in ordeals) > len(ordeals) // 2


# -- the whole bus -----------------------------------------------------------------------------


class Deck:
    """A bus, a producer and a listener that have heard of each other."""

    def __init__(self, folder: Path, opened: Callable[[Path], TapeWriter] = TapeWriter) -> None:
        self.rig = Rig(MemoryWire(), folder)
        self.rig.start(opened)
        self.producer, self.listener = self.rig.welcome("p"), self.rig.welcome("l")
        self.said: list[Counted | Doubled] = []
        self.say()
        self.rig.until(lambda: len(self.producer.acks) == len(self.listener.records) == 1)
        self.listener.client.tape()

    def say(self) -> None:
        """One more turn, every second one `synced`."""
        number = len(self.said)
        self.said.append((Counted, Doubled)[number % 2]("A", number))
        self.producer.append(self.said[-1], mark=number)

    @property
    def degraded(self) -> bool:
        """What the last heartbeat said."""
        frames = [decode_live(frame) for frame in self.listener.link.tape.carried]
        return bool([frame for frame in frames if isinstance(frame, Heartbeat)][-1].degraded)

    def while_it_refuses(self) -> list[str]:
        """What is wrong while the disk refuses: two heartbeats pass."""
        wrong: list[str] = []
        self.rig.beat()
        self.rig.beat()
        acks, tape = len(self.producer.acks), self.rig.events()
        if acks < len(self.said) and not self.degraded:
            wrong.append(f"{acks} of {len(self.said)} turns are acknowledged, and nobody is told")
        if tape[:acks] != self.said[:acks]:
            wrong.append(f"{acks} turns are acknowledged, {len(tape)} can be read")
        return wrong

    def afterwards(self) -> list[str]:
        """What is wrong when the disk takes again."""
        count = len(self.said)
        self.rig.pass_time(lambda: len(self.producer.acks) == count)
        self.rig.pass_time(lambda: len(self.listener.records) == count)
        self.rig.beat()
        wrong = [] if self.rig.events() == self.said else [f"the tape holds {self.rig.events()}"]
        if self.listener.records != self.rig.tape():
            wrong.append("the listener heard something else")
        for seq, ack in enumerate(self.producer.acks, 1):
            if (ack.first, ack.last) not in ((seq, seq), (0, 0)):  # of a repetition: unknown
                wrong.append(f"seq {seq} is acknowledged as {ack}")
        if self.degraded:
            wrong.append("it is degraded without a reason")
        return wrong

    def close(self) -> None:
        """Let go of everything; the tape is sound."""
        self.rig.close()
        assert inspect(self.rig.path).findings == ()


TURNS = 10


@pytest.mark.guarantee("disk-full")
@forms("stride", short=5, long=1)
@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError], ids=["full", "failing"])
def test_a_bus_whose_disk_refuses_says_so_is_read_and_goes_on_by_itself(
    tmp_path: Path, error: type[apsw.Error], stride: int
) -> None:
    began, number, acknowledged, met = time.monotonic(), 0, 0, True
    wrong: list[str] = []
    while met:
        (folder := tmp_path / str(number)).mkdir()
        drive = Drive(CHECKPOINT_PAGES)
        with closing(Deck(folder, lambda path: TapeWriter(path, drive.connected))) as deck:  # noqa: B023
            drive.fault = refusal = Refusal(number, error, lasting=True)
            for _ in range(TURNS):
                deck.say()
                deck.rig.step()
            found = deck.while_it_refuses()
            refusal.over, met = True, refusal.met
            found += deck.afterwards()
        wrong += [f"operation {number}: {each}" for each in found]
        acknowledged += len(deck.producer.acks)
        number += stride
    record(
        "a bus whose drive refuses",
        faults=number // stride,
        acknowledged=acknowledged,
        lost=len(wrong),
        seconds=time.monotonic() - began,
    )

    assert wrong == []


@contextmanager
def limited_files(folder: Path) -> Iterator[Callable[[], None]]:
    """No file of this process may grow beyond what the log has now; gives how to lift that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (folder / "tape.db-wal").stat().st_size + 50_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def full_file_system(folder: Path) -> Iterator[Callable[[], None]]:
    """Nothing is left of the space; gives how to make room again."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4_096)):
            continue
    yield ballast.unlink
    ballast.unlink(missing_ok=True)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte, where the user may mount one."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if (
        not shutil.which("mount")
        or subprocess.run(mount, check=False, capture_output=True).returncode
    ):
        pytest.skip("this user may not mount a file system")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.mark.guarantee("disk-full")
def test_a_bus_on_a_full_disk_of_the_system_goes_on_by_itself(tiny_disk: Path) -> None:
    assert fill_and_clear(tiny_disk, full_file_system) == []


@pytest.mark.guarantee("disk-full")
def test_a_bus_that_may_not_let_its_files_grow_goes_on_by_itself(tmp_path: Path) -> None:
    assert fill_and_clear(tmp_path, limited_files) == []


def fill_and_clear(
    folder: Path, spoilt: Callable[[Path], AbstractContextManager[Callable[[], None]]]
) -> list[str]:
    """Speak until the system refuses, and on behind it when it takes again; gives what is wrong."""
    with closing(Deck(folder)) as deck, spoilt(folder) as mend:
        while len(deck.producer.acks) > len(deck.said) - 3:
            deck.say()
            deck.rig.step()
            assert len(deck.said) < 1_000, "the system refuses nothing"
        wrong = deck.while_it_refuses()
        wrong += [] if deck.degraded else ["the system refuses nothing"]
        mend()
        wrong += deck.afterwards()
    record("a full disk of the system", faults=1, acknowledged=len(deck.said), lost=len(wrong))
    return wrong


@pytest.mark.guarantee("disk-full")
def test_a_bus_whose_witness_cannot_be_written_says_so_and_goes_on_by_itself(
    tmp_path: Path,
) -> None:
    with closing(Deck(tmp_path)) as deck:
        assert deck.rig.writer is not None
        with full_witness(deck.rig.writer):
            for _ in range(TURNS):
                deck.say()
                deck.rig.step()
            wrong = deck.while_it_refuses()
            told = (len(deck.producer.acks), len(deck.listener.link.tape.carried), deck.degraded)
        wrong += deck.afterwards()
    record("a witness that cannot be written", faults=1, acknowledged=TURNS + 1, lost=len(wrong))

    assert (wrong, told[0], told[2]) == ([], 1, True)


@pytest.mark.guarantee("disk-full")
def test_a_witness_that_cannot_be_made_stops_the_start_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "tape.db"
    witness_of(path).mkdir()
    with pytest.raises(StorageFailed, match=r"tape\.db-witness"):
        TapeWriter(path)
    witness_of(path).rmdir()

    with closing(TapeWriter(path)) as tape:
        assert tape.head == 0
