"""Where the deck is: its address as people open it."""

from __future__ import annotations


def url(host: str, port: int) -> str:
    """The URL of the page."""
    return f"http://{bracketed(host)}:{port}"


def bracketed(host: str) -> str:
    """The host as a URL has it: an IPv6 address stands in brackets."""
    return f"[{host}]" if ":" in host else host
