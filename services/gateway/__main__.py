"""Runs the gateway."""

from __future__ import annotations

import asyncio
import sys
import threading
import tomllib
from functools import partial

import structlog

from bus.codec import Codec
from bus.errors import AddressRefused
from bus.host import connect
from bus.process import HOPELESS, start
from bus.reading import TapeReader
from bus.supervisor import FATAL
from config.settings import PROJECT_ROOT, Settings
from market.messages import CONTRACT
from services.gateway.control import Control
from services.gateway.greeting import greet
from services.gateway.guard import Door
from services.gateway.http import application
from services.gateway.kept import GatewayDeck, KeptAnswers
from services.gateway.live import Live
from services.gateway.metrics import Meters
from services.gateway.news import News
from services.gateway.place import sockets, url
from services.gateway.serving import listen, serve

log = structlog.get_logger()


def main() -> None:
    """Join the bus, open the doors, serve until told to end."""
    settings = start("gateway")
    gateway, where = settings.gateway, sockets(settings)
    news, meters = News(), Meters()
    courier = GatewayDeck(
        connect("gateway", settings),
        Codec(CONTRACT),
        partial(TapeReader, settings.tape_path),
        news.hear,
        KeptAnswers(settings.raw_dir),
    )
    try:
        listener = listen(gateway.host, gateway.port)
        control = Control(courier, meters, where.control, where.token)
    except AddressRefused as error:
        log.critical("gateway.refused", error=str(error))
        courier.close()
        sys.exit(FATAL)
    door = Door(gateway.host, gateway.token.reveal())
    app = application(courier, door, Live(courier, news, meters), meters, project_version())
    _greet(courier, settings)
    try:
        serve(app, listener, lambda: courier.failure is None)
    finally:
        control.close()
        courier.close()
    if courier.failure:
        sys.exit(FATAL if isinstance(courier.failure, HOPELESS) else 1)


def project_version() -> str:
    """The version in pyproject.toml, the only place that knows it."""
    text = (PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


def _greet(courier: GatewayDeck, settings: Settings) -> None:
    where = url(settings.gateway.host, settings.gateway.port)
    greeting = partial(greet, courier, where, lambda line: sys.stdout.write(f"{line}\n"))
    threading.Thread(target=lambda: asyncio.run(greeting()), name="greeting", daemon=True).start()


if __name__ == "__main__":
    main()
