"""Who may come in: the Host, Origin and token of every HTTP and WebSocket request; pure.

Host stops a foreign site whose name was rebound to this machine, Origin stops a foreign page that
sends requests from the user's browser, the token stops everybody else.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from services.gateway.failures import Failure
from services.gateway.place import bracketed

COOKIE = "tapedeck_pass"

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_WILDCARD = ("0.0.0.0", "::")  # noqa: S104 - compared with, never bound


class Door(msgspec.Struct, frozen=True):
    """Where the gateway listens, and the token it asks for (empty: none)."""

    host: str
    token: str = ""


class Caller(msgspec.Struct, frozen=True):
    """What a request says of itself; texts are empty where it says nothing."""

    kind: Literal["http", "websocket"]
    method: str
    path: str
    host: str
    origin: str
    authorization: str
    cookie: str


OPEN_PATHS = ("/health/live", "/api/login")
"""Reached without the token: the one tells nothing, the other asks for it."""


def caller(scope: Mapping[str, object], headers: Mapping[str, str], cookie: str) -> Caller:
    """The caller of an ASGI request."""
    return Caller(
        kind="websocket" if scope["type"] == "websocket" else "http",
        method=str(scope.get("method", "GET")),
        path=str(scope["path"]),
        host=headers.get("host", ""),
        origin=headers.get("origin", ""),
        authorization=headers.get("authorization", ""),
        cookie=cookie,
    )


def objection(door: Door, caller: Caller) -> Failure | None:
    """Why the caller may not come in; None when it may."""
    if not _host_is_ours(door, caller.host):
        return Failure(
            "foreign_host",
            f"{caller.host[:80]!r} is not a name of this deck",
            f"open http://{bracketed(door.host)} or http://localhost with the deck's port",
        )
    if _needs_own_origin(caller) and not _same_origin(caller):
        return Failure(
            "foreign_origin",
            f"a page of {caller.origin[:80]!r} may not command this deck",
            "use the deck's own page, or a program that sends no Origin",
        )
    if door.token and caller.path not in OPEN_PATHS and not _has_token(door, caller):
        return Failure(
            "unauthorized",
            "this deck asks for its token",
            "send 'Authorization: Bearer <token>', or open its page and type the token",
        )
    return None


def pass_for(token: str) -> str:
    """What the browser's cookie holds once the token was typed: its proof, not the token itself."""
    return hmac.new(token.encode(), b"tapedeck page", hashlib.sha256).hexdigest()


def same(given: str, expected: str) -> bool:
    """Whether two secrets are equal, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _host_is_ours(door: Door, text: str) -> bool:
    name = _host_name(text)
    if name in _LOOPBACK or name == door.host.lower():
        return bool(name)
    return door.host in _WILDCARD and _is_address(name)


def _host_name(text: str) -> str:
    try:
        return (urlsplit(f"//{text}").hostname or "").lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    """An address was looked up nowhere, so no foreign name can stand behind it."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _needs_own_origin(caller: Caller) -> bool:
    commands = caller.kind == "websocket" or caller.method not in ("GET", "HEAD", "OPTIONS")
    return commands and bool(caller.origin)


def _same_origin(caller: Caller) -> bool:
    scheme, _, place = caller.origin.partition("://")
    return scheme in ("http", "https") and place.lower() == caller.host.lower()


def _has_token(door: Door, caller: Caller) -> bool:
    scheme, _, given = caller.authorization.partition(" ")
    if scheme.lower() == "bearer" and same(given.strip(), door.token):
        return True
    return same(caller.cookie, pass_for(door.token))
