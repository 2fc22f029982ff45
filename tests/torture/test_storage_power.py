"""The power is lost at each operation on the disk: what was `synced` is there, in whole turns.

The tape's own writer runs over a drive that keeps apart what was synced and what was only written;
from what reached the plate a tape is opened again after another boot.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from bus.errors import BusError
from bus.keeping.verify import inspect
from bus.reading import TapeReader
from bus.tape import TapeWriter
from bus.witness import SLOT_BYTES, Statement, Witness, boot_id, read_witness, witness_of
from tests.torture.forms import forms
from tests.torture.report import record
from tests.torture.storage_disk import lay, without_epochs
from tests.torture.storage_drive import LOSSES, Drive, Operation, after_power_loss
from tests.torture.storage_story import Commit, Story

SEED = 3
CHECKPOINT_PAGES = 24
EARLIER_BOOT = "the boot before"


class Moment(NamedTuple):
    """What had been done to the disk and told outside when a commit was acknowledged."""

    operations: int
    commit: Commit
    told: Statement


class Run(NamedTuple):
    """A writer's life on a drive: every operation, and every acknowledgement among them."""

    operations: list[Operation]
    moments: list[Moment]

    def acknowledged(self, operations: int) -> list[Moment]:
        """Those whose acknowledgement was out after so many operations."""
        return [moment for moment in self.moments if moment.operations <= operations]


def lived(path: Path, story: Story, commits: int, synced: float = 0.3) -> Run:
    """Let a writer tell more of the story on the tape that lies there, then lose it."""
    drive = Drive(CHECKPOINT_PAGES)
    tape = TapeWriter(path, drive.connected)
    moments = [_moment(drive, path, Commit(tape.head, "logged"))] * 2  # both places are told anew
    story.begin(tape)
    for _ in range(commits):
        story.go_on(tape, 1, synced)
        moments.append(_moment(drive, path, story.commits[-1]))
    run = Run(list(drive.operations), moments)
    tape.close()
    return run


def _moment(drive: Drive, path: Path, commit: Commit) -> Moment:
    told = read_witness(witness_of(path))
    assert told is not None
    return Moment(len(drive.operations), commit, told)


# -- the power comes back ----------------------------------------------------------------------


def lay_witness(path: Path, told: Sequence[Statement], boot: str) -> None:
    """A witness that holds one statement in each of its places, or none at all."""
    witness_of(path).unlink(missing_ok=True)
    for statement, places in zip(reversed(told), (2, 1), strict=False):
        with closing(Witness(witness_of(path), statement.synced, boot)) as witness:
            for _ in range(places):
                witness.tell(statement.head, statement.seal, synced=False)


class Past:
    """All that a witness was ever told, in each of its two places: it was never synced."""

    def __init__(self) -> None:
        self._places: tuple[list[Statement], list[Statement]] = ([], [])

    def goes_on(self, moments: list[Moment]) -> Past:
        """These were told since, by a writer that was opened anew; gives itself."""
        for number, place in enumerate(self._places):
            place += [moment.told for moment in moments[number::2]]
        return self

    def left(self, chance: Random) -> list[Statement]:
        """What is left of it: in each place something that once stood there."""
        if not all(self._places) or chance.random() < 0.1:
            return []
        return [chance.choice((place[-1], chance.choice(place))) for place in self._places]


def tear_witness(path: Path, chance: Random) -> None:
    """At times a sector is half the old one and half the new one."""
    if witness_of(path).exists() and chance.random() < 0.2:
        data = bytearray(witness_of(path).read_bytes())
        data[chance.choice((0, SLOT_BYTES)) + chance.randrange(80)] ^= 255
        witness_of(path).write_bytes(data)


def reopened(path: Path, story: Story, synced: int) -> Iterator[str]:
    """What is wrong with the tape that is opened again; a story goes back to where it ends."""
    try:
        tape = TapeWriter(path)
    except BusError as error:
        yield f"it is refused: {error}"
        return
    with closing(tape):
        if tape.head < synced:
            yield f"it ends at {tape.head}, though {synced} was synced"
        if tape.head not in (0, *(commit.head for commit in story.commits)):
            yield f"it ends at {tape.head}, in the middle of a commit"
        story.back_to(tape.head)
        if tape.heads != story.heads:
            yield "its heads are not those of its end"
        if without_epochs(tape.marks) != without_epochs(story.marks):
            yield "its marks are not those of its end"
        with closing(TapeReader(path)) as reader:
            if reader.read(0, 10_000) != story.records:
                yield "it does not hold what was said"
        story.begin(tape)
        story.go_on(tape, 1)
    if (report := inspect(path)).found or report.head != len(story.records):
        yield f"verify finds {report.findings}"


class Tally:
    """Counts for the report, and what was wrong."""

    def __init__(self, scenario: str) -> None:
        self._scenario = scenario
        self._began = time.monotonic()
        self.disks = 0
        self.acknowledged = 0
        self.wrong: list[str] = []

    def take(self, acknowledged: int, wrong: Iterable[str], where: str) -> None:
        self.disks += 1
        self.acknowledged += acknowledged
        self.wrong += [f"{where}: {each}" for each in wrong]

    def report(self) -> None:
        record(
            self._scenario,
            faults=self.disks,
            acknowledged=self.acknowledged,
            lost=len(self.wrong),
            seconds=time.monotonic() - self._began,
        )


@pytest.mark.guarantee("acks")
@pytest.mark.guarantee("torn-writes")
@forms("commits", short=12, long=60)
def test_what_was_synced_is_there_in_whole_turns_wherever_the_power_was_lost(
    tmp_path: Path, commits: int
) -> None:
    path, story, chance = tmp_path / "tape.db", Story(SEED), Random(SEED)
    run, tally = lived(path, story, commits), Tally("power lost at each operation")
    for at in range(0, len(run.operations) + 1, 1 if commits > 20 else 4):
        known = run.acknowledged(at)
        synced = max((m.commit.head for m in known if m.commit.durability == "synced"), default=0)
        for loss in LOSSES:
            lay(path, after_power_loss(run.operations[:at], loss, chance))
            lay_witness(path, Past().goes_on(known).left(chance), EARLIER_BOOT)
            tear_witness(path, chance)
            wrong = reopened(path, story.copy(), synced)
            tally.take(synced, wrong, f"operation {at}, {loss}")
    tally.report()

    assert tally.wrong == []


@pytest.mark.guarantee("acks")
@pytest.mark.guarantee("crash-points")
@forms("commits", short=12, long=60)
def test_what_was_logged_is_there_in_whole_turns_wherever_the_process_was_killed(
    tmp_path: Path, commits: int
) -> None:
    path, story, chance = tmp_path / "tape.db", Story(SEED + 1), Random(SEED)
    run, tally = lived(path, story, commits, synced=0.1), Tally("killed at each operation")
    for at in range(0, len(run.operations) + 1, 1 if commits > 20 else 3):
        known = run.acknowledged(at)
        done = [*run.operations[:at], *half_of(run.operations[at : at + 1])]
        lay(path, after_power_loss(done, "all kept", chance))
        told = [moment.told for moment in known[-2:]]
        lay_witness(path, told if len(known) % 2 == 0 else told[::-1], boot_id())
        logged = known[-1].commit.head if known else 0
        tally.take(logged, reopened(path, story.copy(), logged), f"operation {at}")
    tally.report()

    assert tally.wrong == []


def half_of(operations: list[Operation]) -> list[Operation]:
    """A write that a kill cut short; nothing of any other operation."""
    writes = [operation for operation in operations if operation.kind == "write"]
    return [write._replace(data=write.data[: len(write.data) // 2]) for write in writes]


@pytest.mark.guarantee("acks")
@pytest.mark.guarantee("torn-writes")
@forms("boots", short=40, long=600)
def test_a_tape_outlives_one_loss_of_power_after_another(tmp_path: Path, boots: int) -> None:
    path, story, chance = tmp_path / "tape.db", Story(SEED + 2), Random(SEED)
    past, tally = Past(), Tally("power lost again and again")
    for boot in range(boots):
        run = lived(path, story, chance.choice((0, 1, 2, 3, 9)), synced=0.1)
        found = sum(operation.kind == "found" for operation in run.operations)
        at = chance.randrange(found, len(run.operations) + 1)
        acknowledged = [m.commit for m in run.acknowledged(at)]
        synced = max((c.head for c in acknowledged if c.durability == "synced"), default=0)
        synced = max(synced, run.moments[0].commit.head)  # as it was found it lay on the disk
        lay(path, after_power_loss(run.operations[:at], chance.choice(LOSSES), chance))
        lay_witness(path, past.goes_on(run.acknowledged(at)).left(chance), f"boot {boot}")
        tally.take(synced, reopened(path, story, synced), f"boot {boot}, operation {at}")
        assert tally.wrong == []
    tally.report()
