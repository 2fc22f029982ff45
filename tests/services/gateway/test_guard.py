"""Who may come in."""

from __future__ import annotations

import msgspec
import pytest

from services.gateway.guard import Caller, Door, objection, pass_for

LOCAL = Door("127.0.0.1")
LOCKED = Door("127.0.0.1", "open sesame")
CALL = Caller("http", "GET", "/api/cache", "127.0.0.1:8321", "", "", "")


def code(door: Door, **changes: str) -> str:
    failure = objection(door, msgspec.structs.replace(CALL, **changes))
    return failure.code if failure else ""


@pytest.mark.parametrize("host", ["127.0.0.1:8321", "localhost", "LOCALHOST:8321", "[::1]:8321"])
def test_loopback_names_are_ours(host: str) -> None:
    assert code(LOCAL, host=host) == ""


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "192.168.1.5:8321",
        "[",
        "localhost.evil.example",
    ],
)
def test_other_names_are_not(host: str) -> None:
    assert code(LOCAL, host=host) == "foreign_host"


def test_a_foreign_name_is_told_the_decks_own_as_it_is_opened() -> None:
    failure = objection(Door("::1"), msgspec.structs.replace(CALL, host="evil.example"))
    assert failure is not None
    assert failure.remedy.startswith("open http://[::1] or ")


def test_the_configured_name_is_ours() -> None:
    assert code(Door("Deck.home", "t"), host="deck.home:8321", authorization="Bearer t") == ""


def test_an_open_address_is_reached_by_any_address_and_by_no_foreign_name() -> None:
    everywhere = Door("0.0.0.0", "t")
    assert code(everywhere, host="192.168.1.5:8321", authorization="Bearer t") == ""
    assert code(everywhere, host="evil.example", authorization="Bearer t") == "foreign_host"


@pytest.mark.parametrize(
    ("kind", "method", "origin", "expected"),
    [
        ("http", "POST", "", ""),
        ("http", "POST", "http://127.0.0.1:8321", ""),
        ("http", "POST", "https://127.0.0.1:8321", ""),
        ("http", "POST", "http://127.0.0.1:9999", "foreign_origin"),
        ("http", "POST", "http://evil.example", "foreign_origin"),
        ("http", "POST", "null", "foreign_origin"),
        ("http", "POST", "ftp://127.0.0.1:8321", "foreign_origin"),
        ("http", "DELETE", "http://evil.example", "foreign_origin"),
        ("http", "GET", "http://evil.example", ""),
        ("websocket", "GET", "http://evil.example", "foreign_origin"),
        ("websocket", "GET", "http://127.0.0.1:8321", ""),
        ("websocket", "GET", "", ""),
    ],
)
def test_commands_and_sockets_come_from_our_own_pages_or_from_programs(
    kind: str, method: str, origin: str, expected: str
) -> None:
    assert code(LOCAL, kind=kind, method=method, origin=origin) == expected


@pytest.mark.parametrize(
    ("authorization", "cookie", "expected"),
    [
        ("", "", "unauthorized"),
        ("Bearer open sesame", "", ""),
        ("bearer open sesame", "", ""),
        ("Bearer open sesam", "", "unauthorized"),
        ("Basic open sesame", "", "unauthorized"),
        ("Bearer öffne dich", "", "unauthorized"),
        ("", "open sesame", "unauthorized"),
        ("", pass_for("open sesame"), ""),
        ("", pass_for("other"), "unauthorized"),
    ],
)
def test_a_locked_door_asks_for_the_token(authorization: str, cookie: str, expected: str) -> None:
    assert code(LOCKED, authorization=authorization, cookie=cookie) == expected


@pytest.mark.parametrize("path", ["/health/live", "/api/login"])
def test_what_tells_nothing_needs_no_token(path: str) -> None:
    assert code(LOCKED, path=path) == ""
    assert code(LOCKED, path=path, host="evil.example") == "foreign_host"


def test_the_pass_in_the_cookie_does_not_tell_the_token() -> None:
    assert "sesame" not in pass_for("open sesame")
