"""Networks without a way out look to a client as they should."""

from __future__ import annotations

import pytest
import requests

from tests.fakes.networks import black_hole, refused


def get(environment: dict[str, str], timeout_seconds: float) -> None:
    with requests.Session() as client:
        client.trust_env = False
        client.proxies = {"https": environment["HTTPS_PROXY"]}
        client.get("https://finnhub.io/api/v1/quote", timeout=timeout_seconds)


def test_a_black_hole_takes_the_connection_and_never_answers() -> None:
    with black_hole() as environment, pytest.raises(requests.Timeout):
        get(environment, 0.2)


def test_a_refused_network_says_so_at_once() -> None:
    with refused() as environment, pytest.raises(requests.exceptions.ProxyError) as raised:
        get(environment, 5)
    assert "Connection refused" in str(raised.value)


def test_both_spellings_of_the_proxy_are_set_and_localhost_is_left_alone() -> None:
    with refused() as environment:
        assert environment["HTTPS_PROXY"] == environment["https_proxy"]
        assert environment["NO_PROXY"] == environment["no_proxy"] == "127.0.0.1,localhost"
