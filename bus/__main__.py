"""The bus process: the broker over the tape and the ZeroMQ sockets, until told to end."""

from __future__ import annotations

import sys

import structlog

from bus.broker import Broker
from bus.clock import SystemClock
from bus.errors import AddressRefused, LogRegressed, StorageFailed, TapeDamaged
from bus.keeping.forgetting import forget_lost
from bus.ports import Clock
from bus.process import sockets, start, until_told
from bus.supervisor import FATAL
from bus.tape import TapeWriter
from bus.transport.zeromq import ZeroMQHub
from config.settings import Settings

LAST_WORDS_SECONDS = 2.0
STEP_SECONDS = 0.05

log = structlog.get_logger()


def main() -> None:
    """Open the tape, bind the sockets, serve."""
    settings = start("bus")
    try:
        tape, hub = _open(settings)
    except (AddressRefused, LogRegressed, StorageFailed, TapeDamaged) as error:
        log.critical("bus.refused", error=str(error))
        sys.exit(FATAL)
    clock = SystemClock()
    broker = Broker(tape, hub, clock)
    log.info("bus.ready", tape=tape.tape_id, head=tape.head)
    until_told(hub.wake, broker.step)
    serve_out(broker, clock)
    hub.close()
    tape.close()


def serve_out(broker: Broker, clock: Clock) -> None:
    """All are told to end at once: take what the services still have to say, then end."""
    deadline = clock.elapsed_seconds() + LAST_WORDS_SECONDS
    while broker.has_clients and clock.elapsed_seconds() < deadline:
        broker.step(STEP_SECONDS)


def _open(settings: Settings) -> tuple[TapeWriter, ZeroMQHub]:
    for service in forget_lost(settings.tape_path, settings.state_dir):
        log.warning("state.forgotten", service=service, reason="its tape lost an end to the power")
    return TapeWriter(settings.tape_path), ZeroMQHub(sockets(settings))


if __name__ == "__main__":
    main()
