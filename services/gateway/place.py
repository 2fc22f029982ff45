"""Where the deck is: its address as people open it, and its sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from config.settings import Settings

if TYPE_CHECKING:
    from bus.transport.zeromq import Address


def url(host: str, port: int) -> str:
    """The URL of the page."""
    return f"http://{bracketed(host)}:{port}"


def sockets(settings: Settings) -> Address:
    """The deck's sockets, and the token that opens them; raises `AddressRefused`."""
    from bus.transport.zeromq import address

    return address(settings.bus.url, settings.run_dir, settings.gateway.token.reveal())


def silence_remedy(token: str) -> str:
    """What to do where nobody answers; whoever has another token is answered by silence too."""
    other = ", or set TAPEDECK_GATEWAY__TOKEN to the one it was started with" if token else ""
    return f"start the deck with: make run{other}"


def bracketed(host: str) -> str:
    """The host as a URL has it: an IPv6 address stands in brackets."""
    return f"[{host}]" if ":" in host else host
