"""The bench of the collector measures what it says."""

from __future__ import annotations

from bench.collector import HEAD, measured, row


def test_a_line_holds_what_each_thing_costs_with_so_many_symbols() -> None:
    cells = row(10, rounds=1)
    assert cells[0] == "10"
    assert len(cells) == len(HEAD)
    assert all(float(cell.replace(",", "")) > 0 for cell in cells)


def test_what_is_kept_of_a_symbol_is_the_same_for_few_and_for_many() -> None:
    few, many = measured(5)["size"], measured(20)["size"]
    assert abs(many / few - 1) < 0.05
