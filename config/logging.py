"""The log: JSON lines in a file per service and day, readable lines on the terminal, no secrets."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote, quote_plus

import msgspec
import structlog
from structlog.stdlib import ProcessorFormatter

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

    from config.settings import Settings

_MASK = "***"
_SECRET_IN_QUERY = re.compile(r"(?i)\b(token|api_?key)=[^&\s\"']+")
_DAY_OF_FIRST_LINE = re.compile(rb'\{"timestamp":"(\d{4}-\d\d-\d\d)T')


def configure_logging(settings: Settings, service: str, terminal: TextIO | None = None) -> None:
    """Send the log of this process to `<service>.jsonl` and to the terminal (stderr by default).

    What third parties log through the standard library is written alike. Called again, it replaces
    the handlers of the call before.
    """
    stream = terminal or sys.stderr
    file = DayFile(settings.logs_dir, service, settings.log.days_kept)
    file.setLevel(settings.log.level)
    shown = logging.StreamHandler(stream)
    shown.setLevel(settings.log.terminal_level)
    mask = Mask(settings.secrets)
    for handler, render in ((file, _json_line), (shown, _terminal_renderer(stream))):
        handler.setFormatter(_formatter(service, mask, render))
    _replace_handlers(file, shown)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.root.level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


class Mask:
    """Puts three stars where a known secret or a key in a URL's query stands, however deep."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {
            spelled
            for secret in secrets
            for spelled in (secret, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1])
        }
        longest_first = sorted(spellings, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        """Mask an event's values (a structlog processor); what is no plain value becomes text."""
        return {key: self.hide(value) for key, value in event.items()}

    def hide(self, value: object) -> object:
        """Return `value` as plain text, numbers, lists and dicts without a secret in them."""
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self._hide_in_text(value)
            case Mapping():
                return {self._hide_in_text(str(key)): self.hide(v) for key, v in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.hide(item) for item in value]
            case _:
                return self._hide_in_text(repr(value))

    def _hide_in_text(self, text: str) -> str:
        encodable = text.encode("utf-8", "backslashreplace").decode()
        return _SECRET_IN_QUERY.sub(rf"\1={_MASK}", self._known.sub(_MASK, encodable))


class DayFile(logging.Handler):
    """Appends lines to `<service>.jsonl`, which holds one day (UTC).

    The first line of a new day moves the file to `<service>.YYYY-MM-DD.jsonl` and removes those
    beyond `days_kept`, oldest first. Several processes may write at once (a supervisor and its
    child, a child and the one that follows it): a line is one write to a file opened for
    appending, and the file is moved under a lock, by the first who comes.
    """

    def __init__(self, folder: Path, service: str, days_kept: int) -> None:
        super().__init__()
        self._folder, self._service, self._days_kept = folder, service, days_kept
        self._day = ""
        self._file: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a failure is told on stderr and does not reach the caller."""
        try:
            line = self.format(record) + "\n"
            os.write(self._opened(_timestamp(record)[:10]), line.encode())
        except Exception:  # noqa: BLE001 - a log that cannot be written must not stop the work
            self.handleError(record)

    def close(self) -> None:
        """Close the file; a record that comes later opens it again."""
        self.acquire()
        try:
            self._shut()
        finally:
            self.release()
        super().close()

    def _shut(self) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file, self._day = None, ""

    def _opened(self, day: str) -> int:
        if self._file is None or day != self._day:
            self._shut()
            with _locked(self._folder):
                self._put_away_before(day)
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
                self._file = os.open(self._folder / f"{self._service}.jsonl", flags, 0o644)
            self._day = day
        return self._file

    def _put_away_before(self, day: str) -> None:
        current = self._folder / f"{self._service}.jsonl"
        written = _day_of(current)
        put_away = self._folder / f"{self._service}.{written}.jsonl"
        if not written or written >= day or put_away.exists():
            return
        current.rename(put_away)
        kept = sorted(self._folder.glob(f"{self._service}.????-??-??.jsonl"))
        for old in kept[: -self._days_kept]:
            old.unlink()


def _day_of(path: Path) -> str:
    """Tell the day of a file's first line, or of its last write if that line is damaged."""
    if not path.exists() or not path.stat().st_size:
        return ""
    with path.open("rb") as file:
        found = _DAY_OF_FIRST_LINE.match(file.read(40))
    if found:
        return found[1].decode()
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _timestamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _formatter(service: str, mask: Mask, render: Processor) -> ProcessorFormatter:
    def add_head(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        record: logging.LogRecord = event.pop("_record")
        head = {
            "timestamp": _timestamp(record),
            "level": record.levelname.lower(),
            "service": service,
            "event": event.pop("event"),
            "pid": record.process,
        }
        if not event.pop("_from_structlog"):
            head["logger"] = record.name
        return {**head, **event}

    return ProcessorFormatter(
        processors=[add_head, structlog.processors.format_exc_info, mask, render]
    )


def _json_line(logger: WrappedLogger, method: str, event: EventDict) -> str:
    return msgspec.json.encode(event).decode()


def _terminal_renderer(stream: TextIO) -> Processor:
    console = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        pad_event_to=0,
        sort_keys=False,
        exception_formatter=structlog.dev.plain_traceback,
    )

    def render(logger: WrappedLogger, method: str, event: EventDict) -> str:
        # honcho writes the time and the process's name before each line.
        shown = {key: value for key, value in event.items() if key not in {"service", "pid"}}
        shown["timestamp"] = event["timestamp"][11:19]
        return console(logger, method, shown)

    return render


def _replace_handlers(*handlers: logging.Handler) -> None:
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, ProcessorFormatter):
            root.removeHandler(old)
            old.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(min(handler.level for handler in handlers))
    logging.captureWarnings(capture=True)
