"""The tortured broker's composition root: a bus process that may die at a named step."""

from __future__ import annotations

from bus.broker import Broker
from bus.process import until_told
from bus.tapefile import connect
from bus.transport.zeromq import ZeroMQHub
from tests.bus.rig import ProbedTape
from tests.torture.place import Place
from tests.torture.probes import Doom, DyingHub, armed, traced

BUS_POINTS = (
    "after frames came",
    "before the commit",
    "before BEGIN",
    "before INSERT INTO event",
    "before INSERT OR REPLACE INTO head",
    "before INSERT OR REPLACE INTO mark",
    "before COMMIT",
    "after the commit",
    "before a live frame",
    "after a live frame",
    "before an answer",
    "after an answer",
)


def bus(place: Place, name: str, doom: Doom) -> None:
    """Serve until told to end, or until the step is reached."""
    del name
    probe = armed(doom)
    tape = ProbedTape(place.tape_path, lambda path: traced(connect(path), probe))
    tape.probe = probe
    hub = DyingHub(ZeroMQHub(place.bus), probe)
    broker = Broker(tape, hub, place.clock())
    until_told(hub.wake, broker.step)
    hub.close()
    tape.close()
