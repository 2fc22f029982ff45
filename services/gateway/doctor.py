"""``./tapedeck doctor``: what the deck needs to run here, checked, each with its remedy."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import click
import msgspec

from bus.errors import AddressRefused, BusError, TapeDamaged
from bus.keeping.replacing import unfinished
from config.settings import PROJECT_ROOT, Settings
from services.gateway import place
from services.gateway.arguments import Arguments
from services.gateway.assets import chart_library
from services.gateway.verb import DEGRADED, FAILED, OK

PYTHON_MIN = (3, 11)
FREE_BYTES_MIN = 200 << 20
SKEW_SECONDS_MAX = 60.0
PROVIDER_SECONDS = 5.0
PROVIDERS = {"finnhub": "https://finnhub.io", "yahoo": "https://query2.finance.yahoo.com"}

_DAMAGE_REMEDY = "see what is sound: ./tapedeck verify"

State = Literal["ok", "weak", "bad"]


class Finding(msgspec.Struct, frozen=True):
    """What a check found: ``ok``, ``weak`` (the deck runs, but not at its best) or ``bad``."""

    name: str
    state: State
    message: str
    remedy: str = ""


Check = Callable[[Settings], Iterable[Finding]]


def run(settings: Settings, wanted: Arguments, *, as_json: bool) -> int:
    """Print every finding; 0 when all is well, 3 when something is weak, 1 when it is bad."""
    findings = [finding for check in CHECKS for finding in check(settings)]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(findings), indent=2).decode())
    else:
        click.echo("\n".join(map(text, findings)))
    return verdict(findings)


def verdict(findings: Iterable[Finding]) -> int:
    """The exit code."""
    states = {finding.state for finding in findings}
    return FAILED if "bad" in states else DEGRADED if "weak" in states else OK


def text(finding: Finding) -> str:
    """A finding on one line, its remedy on the next."""
    remedy = f"\n{'':<16}{finding.remedy}" if finding.remedy else ""
    return f"{finding.state:<6}{finding.name:<10}{finding.message}{remedy}"


def python(settings: Settings) -> Iterable[Finding]:
    """Whether the interpreter is new enough."""
    del settings
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] >= PYTHON_MIN:
        yield Finding("python", "ok", found)
    else:
        yield Finding("python", "bad", found, "install 3.11 or newer, then: make clean run")


def packages(settings: Settings) -> Iterable[Finding]:
    """Whether everything that requirements.in names is installed."""
    del settings
    lines = (PROJECT_ROOT / "requirements.in").read_text().splitlines()
    names = [match[0] for line in lines if (match := re.match(r"[A-Za-z][\w.-]*", line))]
    missing = [name for name in names if not _installed(name)]
    if missing:
        yield Finding("packages", "bad", f"missing: {', '.join(missing)}", "make clean run")
    else:
        yield Finding("packages", "ok", f"{len(names)} installed")


def home(settings: Settings) -> Iterable[Finding]:
    """Whether the home can be written and has room."""
    folder = next(p for p in (settings.home, *settings.home.parents) if p.exists())
    if not os.access(folder, os.W_OK | os.X_OK):
        remedy = "give yourself the right to write there, or set TAPEDECK_HOME"
        yield Finding("home", "bad", f"{settings.home} cannot be written", remedy)
        return
    free_bytes = shutil.disk_usage(folder).free
    room = f"{settings.home}, {free_bytes >> 20} MiB free"
    if free_bytes < FREE_BYTES_MIN:
        yield Finding("home", "weak", room, "make room, or set TAPEDECK_HOME elsewhere")
    else:
        yield Finding("home", "ok", room)


def sockets(settings: Settings) -> Iterable[Finding]:
    """Whether the sockets' addresses can be used."""
    try:
        where = place.sockets(settings)
    except AddressRefused as error:
        yield Finding("sockets", "bad", error.message, error.remedy)
    else:
        yield Finding("sockets", "ok", where.control)


def port(settings: Settings) -> Iterable[Finding]:
    """Whether the gateway's port is free, or held by the deck itself."""
    from services.gateway.serving import listen

    gateway = settings.gateway
    where = place.url(gateway.host, gateway.port)
    try:
        listen(gateway.host, gateway.port).close()
    except AddressRefused as error:
        if _is_a_deck(where):
            yield Finding("port", "ok", f"a deck runs at {where}")
        else:
            yield Finding("port", "bad", error.message, error.remedy)
    else:
        yield Finding("port", "ok", f"{where} is free")


def tape(settings: Settings) -> Iterable[Finding]:
    """Whether the tape's tail is whole, as the bus wants it, and the clock has not gone back."""
    if plan := unfinished(settings.tape_path):
        message = f"`{plan.by}` was killed while it moved the tape to {plan.folder}"
        yield Finding("tape", "bad", message, "finish it: ./tapedeck verify --quarantine")
        return
    if not settings.tape_path.exists():
        yield Finding("tape", "ok", "none yet: the first start makes it")
        return
    try:
        head, last_at_us = _tail_read(settings.tape_path)
    except TapeDamaged as error:
        yield Finding("tape", "bad", error.message, _DAMAGE_REMEDY)
    except BusError as error:
        yield Finding("tape", "bad", error.message, error.remedy)
    else:
        yield Finding("tape", "ok", f"{head} events, the last ones are whole")
        if last_at_us > time.time_ns() // 1_000 + SKEW_SECONDS_MAX * 1e6:
            remedy = "set the clock; until then new events bear the time of the last one"
            yield Finding("clock", "weak", "the clock is behind the tape's last event", remedy)


def providers(settings: Settings) -> Iterable[Finding]:
    """Whether the providers answer at all, and what their clocks say; no key is sent."""
    for name in settings.fetcher.sources:
        if name in PROVIDERS:
            yield from _provider(name, PROVIDERS[name])
    if "finnhub" in settings.fetcher.sources and not settings.finnhub_api_key:
        message = "FINNHUB_API_KEY is not set: quotes come from the next source"
        yield Finding("key", "ok", message)


def charts(settings: Settings) -> Iterable[Finding]:
    """Whether the page has its chart library."""
    del settings
    if chart_library():
        yield Finding("charts", "ok", "the chart library is here")
    else:
        yield Finding("charts", "weak", "the page draws simple charts", "make web")


CHECKS: tuple[Check, ...] = (python, packages, home, sockets, port, tape, providers, charts)


def _installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _tail_read(path: Path) -> tuple[int, int]:
    """Read what the bus reads at its start: the head, and the time of the last event (0: none).

    Raises `TapeDamaged` or `StorageFailed`.
    """
    from bus.reading import TapeReader
    from bus.tape import TAIL_CHECKED

    with closing(TapeReader(path)) as reader:
        head, last_at_us = reader.head(), 0
        after = max(head - TAIL_CHECKED, 0)
        while after < head:  # a page of large events holds fewer
            last = reader.read(after, TAIL_CHECKED)[-1]
            after, last_at_us = last.seq, last.at_us
    return head, last_at_us


def _is_a_deck(where: str) -> bool:
    import requests

    try:
        answer = requests.get(f"{where}/health/live", timeout=PROVIDER_SECONDS)
        return bool(answer.json() == {"live": True})
    except (requests.RequestException, ValueError):
        return False


def _provider(name: str, url: str) -> Iterable[Finding]:
    import requests

    try:
        answer = requests.head(url, timeout=PROVIDER_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        remedy = "check the network and HTTPS_PROXY; until then the next source is used"
        yield Finding(name, "weak", f"{url} is not reachable ({type(error).__name__})", remedy)
        return
    yield Finding(name, "ok", f"{url} answers")
    yield from _clock(answer.headers.get("date", ""))


def _clock(date: str) -> Iterable[Finding]:
    try:
        skew_seconds = abs(parsedate_to_datetime(date).timestamp() - time.time())
    except ValueError:
        return
    if skew_seconds > SKEW_SECONDS_MAX:
        message = f"the clock is {skew_seconds:.0f} s away from a provider's"
        yield Finding("clock", "weak", message, "set the clock, or let NTP do it")
