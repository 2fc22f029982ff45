"""An answer as a source gave it: its bytes, and what came with them, before anybody reads it."""

from __future__ import annotations

import hashlib

import msgspec


class RawAnswer(msgspec.Struct, frozen=True):
    """A whole answer of any status; header names are in lower case, ``url`` holds no key."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: str = ""

    @property
    def content_type(self) -> str:
        """The media type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def digest(self) -> str:
        """The sha256 of the body: what evidence names the answer by."""
        return hashlib.sha256(self.body).hexdigest()
