"""The bus process: the broker over the tape and the ZeroMQ sockets, until told to end."""

from __future__ import annotations

import sys

import structlog

from bus.broker import Broker
from bus.clock import SystemClock
from bus.errors import AddressRefused, StorageFailed, TapeDamaged
from bus.host import start, until_told
from bus.supervisor import FATAL
from bus.tape import TapeWriter
from bus.transport.zeromq import ZeroMQHub, address
from config.settings import Settings

log = structlog.get_logger()


def main() -> None:
    """Open the tape, bind the sockets, serve."""
    settings = start("bus")
    try:
        tape, hub = _open(settings)
    except (AddressRefused, StorageFailed, TapeDamaged) as error:
        log.critical("bus.refused", error=str(error))
        sys.exit(FATAL)
    broker = Broker(tape, hub, SystemClock())
    log.info("bus.ready", tape=tape.tape_id, head=tape.head)
    until_told(hub.wake, broker.step)
    hub.close()
    tape.close()


def _open(settings: Settings) -> tuple[TapeWriter, ZeroMQHub]:
    where = address(settings.bus.url, settings.run_dir)
    return TapeWriter(settings.tape_path), ZeroMQHub(where)


if __name__ == "__main__":
    main()
