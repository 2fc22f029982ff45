"""The seals: each commit's last row carries a hash over all checksums since the tape began.

A row's checksum tells that the row is whole; the seal tells that it is the row that was committed
there, after exactly those before it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence

SEAL_BYTES = 16


def first_seal(tape_id: str) -> bytes:
    """What the first commit of a tape is sealed upon."""
    return hashlib.blake2b(tape_id.encode(), digest_size=SEAL_BYTES).digest()


def next_seal(before: bytes, crcs: Sequence[int]) -> bytes:
    """The seal of a commit: over the seal before it and the checksums of its rows, in order."""
    packed = struct.pack(f">{len(crcs)}I", *crcs)
    return hashlib.blake2b(before + packed, digest_size=SEAL_BYTES).digest()


class Chain:
    """Follows the seals of a tape row by row; ``broken`` tells whether the last seal was false.

    Begun in the middle (without the seal before) it trusts the first seal that it meets, and again
    the next one after a row that could not be read.
    """

    def __init__(self, before: bytes | None = None) -> None:
        self._before = before
        self._crcs: list[int] = []

    def holds(self, crc: int, seal: bytes | None) -> bool:
        """One more row; whether all since the last good seal is as it was committed."""
        self._crcs.append(crc)
        if seal is None:
            return True
        true = self._before is None or seal == next_seal(self._before, self._crcs)
        self._before, self._crcs = seal, []
        return true

    def lose(self) -> None:
        """A row that cannot be read: what follows is judged from the next seal on."""
        self._before, self._crcs = None, []
