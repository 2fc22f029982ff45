"""A key on the tape is known by its hash alone."""

from __future__ import annotations

from config.settings import Secret
from services.fetcher.keys import key_hash


def test_a_key_is_told_from_another_and_given_away_by_neither() -> None:
    hashes = [key_hash(Secret(key)) for key in ("c0ffee", "c0ffee", "c0ffee1", "")]
    assert hashes[0] == hashes[1] != hashes[2]
    assert "c0ffee" not in hashes[0]
    assert hashes[3] == ""
