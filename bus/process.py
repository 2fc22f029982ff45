"""What each process of the deck does: settings and log at its start, steps until told to end.

Apart from `bus.host`, so that the bus itself starts without what only services need.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

import structlog

from bus.errors import AddressRefused, Fenced, LogRegressed, StorageFailed, TapeDamaged, Truncated
from bus.supervisor import FATAL
from bus.transport.zeromq import Address, address
from config.logging import configure_logging
from config.settings import Settings, SettingsError, prepare_home, read_settings

HOPELESS = (Fenced, LogRegressed, TapeDamaged, Truncated, AddressRefused)
"""What a restart cannot mend: the deck stops and says so."""

log = structlog.get_logger()


def start(service: str) -> Settings:
    """Read the settings once, prepare the home, open the log.

    Ends the process with a sentence if that fails.
    """
    try:
        settings = read_settings(os.environ)
        prepare_home(settings)
    except SettingsError as error:
        sys.stderr.write(f"tapedeck: {error}\n")
        sys.exit(FATAL)
    configure_logging(settings, service)
    return settings


def sockets(settings: Settings) -> Address:
    """Where the deck's sockets are; raises `AddressRefused`."""
    return address(settings.bus.url, settings.run_dir, settings.gateway.token.reveal())


def until_told(wake: Callable[[], None], step: Callable[[], None]) -> None:
    """Repeat the step until TERM or INT.

    What no restart can mend ends the process with its reason.
    """
    told: list[int] = []

    def end(number: int, frame: object) -> None:
        del frame
        told.append(number)
        wake()

    signal.signal(signal.SIGTERM, end)
    try:
        while not told:
            step()
    except HOPELESS as error:
        log.critical("process.hopeless", error=str(error))
        sys.exit(FATAL)
    except StorageFailed as error:
        log.critical("process.storage_failed", error=str(error))
        sys.exit(1)
