"""Bytes are lost and bits turn over on the disk of a crashed tape: nothing untrue is ever told.

Each damage is laid down, then a writer, a reader and verify are asked everything they can be asked.
Each answer must be the truth or an error; what they disagree on would be a silent loss.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from random import Random
from typing import NamedTuple

import pytest

from bus.tape import TAIL_CHECKED
from tests.torture.forms import forms
from tests.torture.report import record
from tests.torture.storage_disk import (
    FRAME_BYTES,
    LOG,
    MAIN,
    PAGE_BYTES,
    WITNESS,
    Files,
    Judge,
    Verdict,
    crashed,
    cut,
    flipped,
    live_bytes,
    structure,
)
from tests.torture.storage_story import Story

SEED = 7
COMMITS = 330
"""More events than a writer looks at when it opens the tape."""


class Scene(NamedTuple):
    """A tape as it was closed, and as a crash left it later, and who judges what becomes of it."""

    story: Story
    closed: Files
    left: Files
    judge: Judge


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    path = tmp_path_factory.mktemp("damage") / "tape.db"
    story = Story(SEED)
    closed, left = crashed(path, story, COMMITS)
    assert len(story.records) > TAIL_CHECKED
    return Scene(story, closed, left, Judge(path, story, left))


def judged(scene: Scene, name: str, disks: Iterable[Files]) -> list[Verdict]:
    """Judge them all, and put what came of it into the report."""
    began = time.monotonic()
    verdicts = [scene.judge.judge(files) for files in disks]
    record(
        name,
        faults=len(verdicts),
        acknowledged=len(scene.story.records) * len(verdicts),
        silently_wrong=sum(bool(verdict.wrong) for verdict in verdicts),
        seconds=time.monotonic() - began,
    )
    return verdicts


def wrongs(verdicts: list[Verdict]) -> list[str]:
    return [wrong for verdict in verdicts for wrong in verdict.wrong]


def last_bytes(end: int, count: int, stride: int) -> Iterator[int]:
    """Lengths to cut at: from so many bytes before the end on."""
    yield from range(max(0, end - count), end - 64, stride)
    yield from range(end - 64, end, 1 + stride // 8)


@pytest.mark.guarantee("torn-writes")
@forms("stride", short=307, long=1)
@pytest.mark.parametrize("file", ["the log", "the main file beside its log", "the main file"])
def test_a_tape_cut_off_at_any_byte_of_its_last_pages_is_whole_or_refused_as_it_lies(
    scene: Scene, file: str, stride: int
) -> None:
    files = scene.closed if file == "the main file" else scene.left
    suffix, count = (LOG, 2 * FRAME_BYTES) if file == "the log" else (MAIN, 2 * PAGE_BYTES)
    end = live_bytes(files[LOG]) if file == "the log" else len(files[MAIN])
    lengths = last_bytes(end, count, stride)
    verdicts = judged(scene, f"{file} cut off", (cut(files, suffix, n) for n in lengths))

    assert wrongs(verdicts) == []
    assert [v for v in verdicts if v.changed and not v.refused] == []
    assert any(v.refused for v in verdicts)


@pytest.mark.guarantee("torn-writes")
@forms("stride", short=23, long=1)
def test_a_log_cut_off_within_any_of_its_frames_is_whole_or_refused_as_it_lies(
    scene: Scene, stride: int
) -> None:
    lengths = range(0, len(scene.left[LOG]), FRAME_BYTES // 4 * stride)
    disks = (cut(scene.left, LOG, length) for length in lengths)
    verdicts = judged(scene, "the log cut off", disks)

    assert wrongs(verdicts) == []


@pytest.mark.guarantee("bit-rot")
@forms("flips", short=60, long=1_500)
@pytest.mark.parametrize("file", ["the log", "the main file beside its log", "the main file"])
def test_of_any_flipped_bit_nothing_untrue_is_told_and_verify_finds_what_it_changed(
    scene: Scene, file: str, flips: int
) -> None:
    files = scene.closed if file == "the main file" else scene.left
    suffix = LOG if file == "the log" else MAIN
    chance = Random(f"{SEED} {file}")
    bits = [chance.randrange(8 * len(files[suffix])) for _ in range(flips)]
    disks = (flipped(files, suffix, bit) for bit in bits)
    verdicts = judged(scene, f"bits of {file} flipped", disks)

    assert wrongs(verdicts) == []
    assert sum(v.changed for v in verdicts) > flips // 5


@pytest.mark.guarantee("bit-rot")
@forms("stride", short=37, long=1)
def test_a_flipped_bit_of_the_witness_refuses_no_sound_tape(scene: Scene, stride: int) -> None:
    told = [place for place, byte in enumerate(scene.left[WITNESS]) if byte]
    bits = [8 * place + bit for place in told for bit in range(8)]
    disks = (flipped(scene.left, WITNESS, bit) for bit in bits[::stride])
    verdicts = judged(scene, "bits of the witness flipped", disks)

    assert (wrongs(verdicts), {v.refused for v in verdicts}) == ([], {False})


@pytest.mark.guarantee("bit-rot")
@forms("flips", short=60, long=2_000)
def test_of_a_flipped_bit_in_what_holds_the_file_together_nothing_untrue_is_told(
    scene: Scene, flips: int
) -> None:
    chance, places = Random(SEED), structure(scene.closed[MAIN])
    bits = [8 * chance.choice(places) + chance.randrange(8) for _ in range(flips)]
    disks = (flipped(scene.closed, MAIN, bit) for bit in bits)
    verdicts = judged(scene, "bits between the rows flipped", disks)

    assert wrongs(verdicts) == []


@pytest.mark.guarantee("bit-rot")
@forms("pairs", short=20, long=400)
def test_damage_in_both_files_at_once_is_not_taken_for_the_truth_either(
    scene: Scene, pairs: int
) -> None:
    chance = Random(SEED)
    sizes = {suffix: 8 * len(scene.left[suffix]) for suffix in (MAIN, LOG)}

    def spoilt() -> Files:
        first = flipped(scene.left, MAIN, chance.randrange(sizes[MAIN]))
        return flipped(first, LOG, chance.randrange(sizes[LOG]))

    verdicts = judged(scene, "bits of both files flipped", (spoilt() for _ in range(pairs)))

    assert wrongs(verdicts) == []
