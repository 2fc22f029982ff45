"""The chain of seals holds for the rows that were committed, and for no others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bus.seal import SEAL_BYTES, Chain, first_seal, next_seal

CRC = st.integers(0, (1 << 32) - 1)
COMMITS = st.lists(st.lists(CRC, min_size=1, max_size=4), min_size=1, max_size=6)
Row = tuple[int, bytes | None]


def rows(commits: list[list[int]]) -> list[Row]:
    """Each commit's rows, the last of them with the seal."""
    seal, sealed = first_seal("tape"), []
    for crcs in commits:
        seal = next_seal(seal, crcs)
        sealed += [*((crc, None) for crc in crcs[:-1]), (crcs[-1], seal)]
    return sealed


def holds(told: list[Row], chain: Chain) -> bool:
    return [chain.holds(crc, seal) for crc, seal in told] == [True] * len(told)


@given(COMMITS)
def test_what_was_committed_holds_from_the_beginning_and_from_any_seal_on(
    commits: list[list[int]],
) -> None:
    told = rows(commits)
    assert holds(told, Chain(first_seal("tape")))
    for start in range(len(commits)):
        assert holds(told[sum(map(len, commits[:start])) :], Chain())


@given(COMMITS, st.integers(0), CRC)
def test_a_checksum_that_was_not_committed_does_not_hold(
    commits: list[list[int]], place: int, crc: int
) -> None:
    told = rows(commits)
    place %= len(told)
    forged = [*told[:place], (crc, told[place][1]), *told[place + 1 :]]
    assert holds(forged, Chain(first_seal("tape"))) == (crc == told[place][0])


@given(COMMITS)
def test_another_tapes_rows_do_not_hold(commits: list[list[int]]) -> None:
    assert not holds(rows(commits), Chain(first_seal("another tape")))


def test_after_a_lost_row_the_chain_goes_on_at_the_next_seal() -> None:
    told = rows([[1, 2], [3], [4]])
    chain = Chain(first_seal("tape"))
    chain.lose()
    assert holds(told[1:], chain)
    assert len(told[-1][1] or b"") == SEAL_BYTES
