"""A journal keeps whole rows alone, whatever a kill left of the last one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.journal import ROW, Journal, Row, last, length, rows


@pytest.mark.parametrize("left", range(ROW.size))
def test_a_row_that_was_cut_short_was_never_written(tmp_path: Path, left: int) -> None:
    path = tmp_path / "a.journal"
    Journal(path).write([(1, 10), (2, 20), (3, 30)])
    path.write_bytes(path.read_bytes()[: 2 * ROW.size + left])
    assert (rows(path), last(path), length(path)) == ([Row(1, 10), Row(2, 20)], 2, 2)
    Journal(path).write([(4, 40)])

    assert rows(path) == [Row(1, 10), Row(2, 20), Row(4, 40)]


def test_a_journal_that_nobody_began_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "none.journal"

    assert (rows(path), last(path), length(path)) == ([], 0, 0)
