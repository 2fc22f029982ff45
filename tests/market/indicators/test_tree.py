"""Nested tuples as a flat list, and back."""

from __future__ import annotations

from market.indicators import bundle
from market.indicators.tree import leaves, rebuilt


def test_a_tree_comes_back_from_its_leaves() -> None:
    numbered = rebuilt(bundle.SEED, range(100))

    assert list(leaves(numbered)) == list(range(len(list(leaves(bundle.SEED)))))
    assert type(numbered) is type(bundle.SEED)
    assert type(numbered.macd) is type(bundle.SEED.macd)
    assert rebuilt(numbered, leaves(bundle.SEED)) == bundle.SEED


def test_what_a_tree_does_not_need_is_left_to_the_next() -> None:
    operands = iter(range(100))

    rebuilt(bundle.SEED.rsi, operands)

    assert next(operands) == 2
