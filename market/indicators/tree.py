"""Nested tuples of operands as one flat list, and back; states and values are such tuples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def leaves(tree: tuple[Any, ...]) -> Iterator[Any]:
    """The operands, depth first."""
    for branch in tree:
        if isinstance(branch, tuple):
            yield from leaves(branch)
        else:
            yield branch


def rebuilt(like: tuple[Any, ...], operands: Iterable[Any]) -> Any:
    """A tuple of the same shape from its operands; takes no more of them than it needs."""
    left = iter(operands)
    return type(like)(
        *(rebuilt(branch, left) if isinstance(branch, tuple) else next(left) for branch in like)
    )
