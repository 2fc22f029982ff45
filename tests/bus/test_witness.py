"""The witness tells how far the tape had come, and a torn or foreign file tells nothing."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.errors import StorageFailed
from bus.witness import SLOT_BYTES, Statement, Witness, read_witness, witness_of

BOOT = "00000000-0000-4000-8000-000000000001"
SEAL = b"0123456789abcdef"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return witness_of(tmp_path / "tape.db")


def test_the_last_word_is_read_back(path: Path) -> None:
    with closing(Witness(path, 0, BOOT)) as witness:
        witness.tell(7, SEAL, synced=True)
        witness.tell(9, SEAL, synced=False)
    assert read_witness(path) == Statement(head=9, synced=7, seal=SEAL, boot=BOOT)


def test_of_this_boot_the_head_is_demanded_and_of_another_what_was_synced() -> None:
    told = Statement(head=9, synced=7, seal=SEAL, boot=BOOT)
    assert [told.demands(boot) for boot in (BOOT, "another", "")] == [9, 7, 7]


def test_where_no_witness_is_nothing_is_told(path: Path) -> None:
    assert read_witness(path) is None


@given(keep=st.integers(0, SLOT_BYTES + 80), flip=st.integers(0, 79))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_torn_or_flipped_slot_costs_its_own_word_alone(path: Path, keep: int, flip: int) -> None:
    with closing(Witness(path, 0, BOOT)) as witness:
        witness.tell(7, SEAL, synced=True)
        witness.tell(9, SEAL, synced=False)
    whole = path.read_bytes()
    path.write_bytes(whole[:keep])
    torn = read_witness(path)
    spoilt = bytearray(whole)
    spoilt[SLOT_BYTES + flip] ^= 4
    path.write_bytes(spoilt)
    told = read_witness(path)
    assert torn is None or torn.head in (7, 9)
    assert told == Statement(head=7, synced=7, seal=SEAL, boot=BOOT)


@given(st.binary(max_size=2 * SLOT_BYTES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_tells_nothing(path: Path, garbage: bytes) -> None:
    path.write_bytes(garbage)
    assert read_witness(path) is None


def test_a_witness_that_cannot_be_read_is_told_with_the_remedy(tmp_path: Path) -> None:
    (place := tmp_path / "tape.db-witness").mkdir()

    with pytest.raises(StorageFailed, match=r"tape\.db-witness cannot be read .* remove it"):
        read_witness(place)
