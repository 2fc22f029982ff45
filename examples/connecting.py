"""How the examples connect: by a unix socket in the home, or by TCP with the token as the key."""

import hashlib
import os
from pathlib import Path

import zmq
from zmq.utils import z85

PLACES = {"tape": 1, "control": 2}  # after the port of the bus


def connect(socket: zmq.Socket, name: str) -> None:
    """Connect to the deck's socket of that name."""
    url = os.environ.get("TAPEDECK_BUS__URL", "")
    if not url:
        home = Path(os.environ.get("TAPEDECK_HOME", "data")).resolve()
        socket.connect(f"ipc://{home}/run/{name}")
        return
    token = os.environ["TAPEDECK_GATEWAY__TOKEN"]
    secret = z85.encode(hashlib.sha256(token.encode()).digest())
    socket.curve_serverkey = socket.curve_publickey = zmq.curve_public(secret)
    socket.curve_secretkey = secret
    socket.connect(f"tcp://127.0.0.1:{int(url.rpartition(':')[2]) + PLACES[name]}")
