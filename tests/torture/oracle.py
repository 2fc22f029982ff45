"""What must be true of a tape after any torture, against what its parties were told and saw."""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from bus.codec import Draft, Record, checksum
from market.messages.fetcher import Quote
from tests.torture.journal import BEFORE, JOINED, UNKNOWN, Row
from tests.torture.words import CODEC, Echoed, Noted

Wrong = Literal["lost", "doubled", "out_of_order", "silently_wrong"]

SHOWN_MAX = 20
"""Findings that are told in words; all are counted."""


class Finding(NamedTuple):
    """One promise that was not kept."""

    wrong: Wrong
    what: str


class Oracle:
    """Looks at each record of the tape, in order, then at what each party had noted.

    ``said`` tells for each producer what its turn of a number must have been.
    """

    def __init__(self, said: Mapping[str, Callable[[int], tuple[Draft, ...]]]) -> None:
        self.findings: list[Finding] = []
        self.counts: Counter[str] = Counter()
        self.acknowledged = 0
        self.last_quote = 0
        self._said = said
        self._checksums = array("L", [0])
        self._turns: dict[str, list[int]] = {name: [] for name in said}
        """The last seq of each whole turn, by number."""
        self._open: dict[str, deque[Draft]] = {name: deque() for name in said}
        self._unechoed: deque[int] = deque()
        self._noted: list[int] = []

    @property
    def head(self) -> int:
        """The last seq looked at."""
        return len(self._checksums) - 1

    @property
    def settled(self) -> bool:
        """Whether the echo has spoken on every quote so far."""
        return not self._unechoed

    # -- the tape -------------------------------------------------------------------------------

    def look(self, records: Iterable[Record]) -> None:
        """The next records of the tape."""
        for record in records:
            self._checksums.append(checksum(record))
            if record.seq != self.head:
                self.find("lost", f"seq {self.head} is followed by {record.seq}")
            if record.producer in self._said:
                self._spoken(record)
            elif record.subject.startswith(Echoed.stream):
                self._echoed(CODEC.fact(record).event)
            elif record.subject.startswith(Noted.stream):
                self._note(record, CODEC.fact(record).event)
            if record.subject.startswith(Quote.stream):
                self._unechoed.append(record.seq)
                self.last_quote = record.seq

    def _spoken(self, record: Record) -> None:
        turns, rest = self._turns[record.producer], self._open[record.producer]
        number = len(turns) + 1
        if record.heard != number:
            what = f"{record.producer} said turn {record.heard} at seq {record.seq}, not {number}"
            self.find("doubled" if record.heard < number else "lost", what)
            return
        if not rest:
            rest.extend(self._said[record.producer](number))
        draft = rest.popleft()
        told = (record.subject, record.version, record.body)
        if told != (draft.subject, draft.version, bytes(draft.body)):
            self.find("silently_wrong", f"seq {record.seq} is not what {record.producer} said")
        if not rest:
            turns.append(record.seq)

    def _echoed(self, echoed: Echoed) -> None:
        if not self._unechoed or echoed.of < self._unechoed[0]:
            self.find("doubled", f"the echo spoke again on seq {echoed.of}")
        elif echoed.of in self._unechoed:
            while (of := self._unechoed.popleft()) != echoed.of:
                self.find("lost", f"the echo passed over seq {of}")
        else:
            self.find("silently_wrong", f"the echo spoke on seq {echoed.of}, which is no quote")

    def _note(self, record: Record, noted: Noted) -> None:
        if noted.number != len(self._noted) + 1:
            wrong: Wrong = "doubled" if noted.number <= len(self._noted) else "lost"
            self.find(wrong, f"number {noted.number} was noted after {len(self._noted)}")
        self._noted.append(record.seq)

    # -- what the parties were told -------------------------------------------------------------

    def finish(self) -> None:
        """The tape ends here, and everybody had the time to say what there was to say."""
        for name, rest in self._open.items():
            if rest:
                self.find("lost", f"the last turn of {name} is not whole")
        for of in self._unechoed:
            self.find("lost", f"the echo never spoke on seq {of}")

    def told(self, producer: str, acks: Iterable[Row]) -> None:
        """What a producer was told: the number of a turn, and the seq of its last event."""
        turns, told = self._turns[producer], set[int]()
        for number, last in acks:
            self.acknowledged += 1
            if number in told:
                self.find("doubled", f"{producer} was told of turn {number} again")
            told.add(number)
            if number > len(turns):
                self.find("lost", f"turn {number} of {producer} was acknowledged")
            elif last not in (0, turns[number - 1]):
                self.find("silently_wrong", f"turn {number} of {producer} is not at seq {last}")

    def answered(self, answers: Iterable[Row]) -> None:
        """What the asker was told: a number, and the seq by which it was noted."""
        for number, seq in answers:
            self.acknowledged += 1
            if number > len(self._noted):
                self.find("lost", f"number {number} was answered and never noted")
            elif self._noted[number - 1] > seq:
                self.find("silently_wrong", f"number {number} was answered before it was noted")

    def heard(self, listener: str, rows: Iterable[Row]) -> None:
        """What a listener took: every record once, in order, as it is."""
        before = 0
        for row in rows:
            self._compare(listener, row)
            if row.number <= before:
                self.find("doubled", f"{listener} heard seq {row.number} after {before}")
            elif row.number > before + 1:
                self.find("lost", f"{listener} heard seq {row.number} after {before}")
            before = max(before, row.number)
        if before != self.head:
            self.find("lost", f"{listener} heard up to {before} of {self.head}")

    def seen(self, onlooker: str, rows: Iterable[Row]) -> None:
        """What went live: nothing that is not on the tape as it was seen, or was not yet."""
        before = 0
        for row in rows:
            if row.number < 0:
                self.find("silently_wrong", f"seq {-row.number} was seen before it was on the tape")
            self._compare(onlooker, Row(abs(row.number), row.value))
            if abs(row.number) <= before:
                self.find("out_of_order", f"{onlooker} saw {abs(row.number)} after {before}")
            before = abs(row.number)

    def joined(self, joiner: str, rows: Iterable[Row]) -> None:
        """What a joiner heard: from where it joined on, every record once, in order."""
        known = before = 0
        for row in rows:
            if row.value == BEFORE:
                known = row.number
                continue
            if row.value == JOINED:
                if row.number < known:
                    self.find("lost", f"{joiner} joined at {row.number}, the head was {known}")
            else:
                self._compare(joiner, row)
                if row.number != before + 1:
                    wrong: Wrong = "doubled" if row.number <= before else "lost"
                    self.find(wrong, f"{joiner} heard {row.number} after {before}")
            before = row.number

    def _compare(self, who: str, row: Row) -> None:
        if row.number > self.head:
            self.find("silently_wrong", f"{who} has seq {row.number}, which is not on the tape")
        elif row.value not in (UNKNOWN, self._checksums[row.number]):
            self.find("silently_wrong", f"{who} has another seq {row.number} than the tape")

    def find(self, wrong: Wrong, what: str) -> None:
        """Something is not as promised."""
        self.counts[wrong] += 1
        if len(self.findings) < SHOWN_MAX:
            self.findings.append(Finding(wrong, what))
