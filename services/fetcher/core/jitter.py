"""Spread without randomness: a fraction that looks random and is the same for the same words."""

from __future__ import annotations

import hashlib


def fraction(*words: str | int) -> float:
    """A number in [0, 1) that follows from the words alone."""
    digest = hashlib.blake2b("/".join(map(str, words)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)
