"""The tape's file and the test kit's list of facts are read alike."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bus.codec import Append
from bus.ports import TapeReading
from bus.reading import TapeReader
from bus.tape import TapeWriter
from bus.testing import FactTape
from tests.bus.rig import CODEC
from tests.conformance.tape_reading import FACTS, TapeReadingConformance


class TestReadingAFile(TapeReadingConformance):
    """SQLite."""

    @pytest.fixture
    def tape(self, tmp_path: Path) -> Iterator[TapeReading]:
        with closing(TapeWriter(tmp_path / "tape.db")) as writer:
            writer.enlist("p", 0)
            for fact in FACTS:
                drafts = (CODEC.draft(fact.event),)
                turn = Append("p", 1, fact.seq - 1 or -1, fact.seq, "logged", drafts)
                writer.append([turn], fact.at_us)
            with closing(TapeReader(writer.path)) as reader:
                yield reader

    @pytest.fixture
    def empty_tape(self, tmp_path: Path) -> Iterator[TapeReading]:
        with (
            closing(TapeWriter(tmp_path / "empty.db")) as writer,
            closing(TapeReader(writer.path)) as reader,
        ):
            yield reader


class TestReadingFacts(TapeReadingConformance):
    """The facts of a test's deck."""

    @pytest.fixture
    def tape(self) -> TapeReading:
        return FactTape(FACTS, CODEC)

    @pytest.fixture
    def empty_tape(self) -> TapeReading:
        return FactTape([], CODEC)
