"""A story told to a tape at random, and what must be on that tape for as long as it lasts.

The records that must be there are worked out from what was said, not read back from any file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

import msgspec

from bus.codec import Append, Appended, Draft, Record
from bus.message import Durability
from bus.tape import Mark, TapeWriter

NOON_US = 1_767_614_400_000_000
PRODUCERS = ("anna", "bert", "carl")
SUBJECTS = tuple(f"test.said.K{number}" for number in range(7))


class Commit(NamedTuple):
    """Where a commit ended, and how it was acknowledged."""

    head: int
    durability: Durability


@dataclass
class Story:
    """What was said, commit by commit; ``sizes`` are those of the bodies, in bytes."""

    seed: int
    sizes: tuple[int, ...] = (9, 30, 30, 30, 250, 1_500)
    records: list[Record] = field(default_factory=list)
    commits: list[Commit] = field(default_factory=list)
    marks: dict[str, Mark] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._chance = Random(self.seed)

    @property
    def heads(self) -> dict[str, int]:
        """The last seq of each subject."""
        return {record.subject: record.seq for record in self.records}

    @property
    def synced(self) -> int:
        """The last seq that an acknowledgement called `synced`, or that stood before such a one."""
        return max((c.head for c in self.commits if c.durability == "synced"), default=0)

    def copy(self) -> Story:
        """The same as far as it was told; it goes on in its own way."""
        told = len(self.commits)
        return Story(self.seed + told, self.sizes, [*self.records], [*self.commits], {**self.marks})

    def begin(self, tape: TapeWriter) -> None:
        """Every producer is greeted."""
        for producer in PRODUCERS:
            self.marks[producer] = tape.enlist(producer, 0)

    def say_once(self, tape: TapeWriter, producer: str, subject: str) -> None:
        """Somebody says one thing on a subject, and neither is heard of again."""
        epoch = tape.enlist(producer, 0).epoch
        self.marks[producer] = Mark(epoch)
        draft = Draft(subject, 1, msgspec.Raw(msgspec.msgpack.encode(self.seed)))
        self.say(tape, [Append(producer, epoch, -1, 0, "synced", (draft,))])

    def go_on(self, tape: TapeWriter, commits: int, synced: float = 0.3) -> None:
        """Say so many commits of one to three turns, that share of them `synced`."""
        for _ in range(commits):
            durability: Durability = "synced" if self._chance.random() < synced else "logged"
            self.say(tape, self.turns(durability))

    def turns(self, durability: Durability) -> list[Append]:
        """What the producers say next, in one frame each."""
        speakers = self._chance.sample(PRODUCERS, self._chance.choice((1, 1, 2, 3)))
        return [self._turn(name, durability) for name in speakers]

    def say(self, tape: TapeWriter, turns: list[Append]) -> list[Any]:
        """Have the turns appended, and note what that makes of the tape; gives the answers."""
        at_us = NOON_US + len(self.commits)
        answers = tape.append(turns, at_us).answers
        self._note(turns, at_us)
        assert answers == [self._answer(turn, at_us) for turn in turns]
        return answers

    def back_to(self, head: int) -> None:
        """The power was lost: only the records up to this seq are left."""
        del self.records[head:]
        self.commits = [commit for commit in self.commits if commit.head <= head]
        self.marks = {name: Mark(mark.epoch) for name, mark in self.marks.items()}
        for record in self.records:
            self._mark(record)

    def _turn(self, producer: str, durability: Durability) -> Append:
        mark = self.marks[producer]
        drafts = tuple(self._draft() for _ in range(self._chance.choice((1, 1, 2, 5))))
        step = self._chance.choice((1, 1, 7))
        return Append(producer, mark.epoch, mark.mark, mark.mark + step, durability, drafts)

    def _draft(self) -> Draft:
        body = self._chance.randbytes(self._chance.choice(self.sizes))
        return Draft(self._chance.choice(SUBJECTS), 1, msgspec.Raw(msgspec.msgpack.encode(body)))

    def _note(self, turns: Iterable[Append], at_us: int) -> None:
        heads = self.heads
        for turn in turns:
            for draft in turn.drafts:
                seq, prev = len(self.records) + 1, heads.get(draft.subject, 0)
                said = (turn.producer, turn.mark, draft.version, bytes(draft.body))
                self.records.append(Record(seq, draft.subject, at_us, prev, *said))
                self._mark(self.records[-1])
                heads[draft.subject] = seq
        self.commits.append(Commit(len(self.records), max(turn.durability for turn in turns)))

    def _mark(self, record: Record) -> None:
        known = self.marks[record.producer]
        first = known.first if known.mark == record.heard else record.seq
        place = (record.heard, first, record.seq, record.at_us)
        self.marks[record.producer] = Mark(known.epoch, *place)

    def _answer(self, turn: Append, at_us: int) -> Appended:
        mark = self.marks[turn.producer]
        return Appended(turn.mark, mark.first, mark.last, at_us, turn.durability)
