"""What is written to the log, where, for how long, and what never is."""

import io
import json
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import assume, given
from hypothesis import strategies as st
from structlog.stdlib import ProcessorFormatter

from config.logging import DayFile, Mask, configure_logging
from config.settings import (
    GatewaySettings,
    LogSettings,
    Secret,
    Settings,
    prepare_home,
)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    for handler in list(root.handlers):
        if isinstance(handler.formatter, ProcessorFormatter):
            root.removeHandler(handler)
            handler.close()
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    logging.setLoggerClass(logging.Logger)
    structlog.reset_defaults()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(
        home=tmp_path,
        finnhub_api_key=Secret("k3y/of finnhub"),
        gateway=GatewaySettings(token=Secret("t'ken")),
        log=LogSettings(level="INFO", terminal_level="WARNING"),
    )
    prepare_home(made)
    return made


def written(settings: Settings, service: str = "fetcher") -> list[dict[str, Any]]:
    text = (settings.logs_dir / f"{service}.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_tells_when_how_grave_who_and_what_with_its_values(settings: Settings) -> None:
    configure_logging(settings, "fetcher", io.StringIO())

    structlog.get_logger().info("quote.received", symbol="NVDA", price=190.5, age_ms=12)

    (line,) = written(settings)
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo == UTC
    assert line == {
        "level": "info",
        "service": "fetcher",
        "event": "quote.received",
        "pid": os.getpid(),
        "symbol": "NVDA",
        "price": 190.5,
        "age_ms": 12,
    }


def test_a_time_is_iso_8601_and_ends_in_z(settings: Settings) -> None:
    configure_logging(settings, "fetcher", io.StringIO())

    structlog.get_logger().info("quote.received")

    assert written(settings)[0]["timestamp"].endswith("Z")


def test_what_a_library_logs_is_written_alike_and_names_the_library(settings: Settings) -> None:
    configure_logging(settings, "fetcher", io.StringIO())

    logging.getLogger("urllib3.pool").warning("retry %d of %d", 1, 3)

    (line,) = written(settings)
    assert (line["event"], line["logger"]) == ("retry 1 of 3", "urllib3.pool")


def test_each_place_has_its_own_least_level(settings: Settings) -> None:
    terminal = io.StringIO()
    configure_logging(settings, "fetcher", terminal)
    log = structlog.get_logger()

    log.debug("cycle.planned")
    log.info("cycle.started")
    log.warning("source.failed", source="yahoo")

    assert [line["event"] for line in written(settings)] == ["cycle.started", "source.failed"]
    assert "cycle.started" not in terminal.getvalue()
    assert "[warning  ] source.failed source=yahoo" in terminal.getvalue()


def test_an_error_is_written_with_its_traceback(settings: Settings) -> None:
    configure_logging(settings, "fetcher", io.StringIO())

    try:
        raise ValueError("no such ticker: ZZZZ")
    except ValueError:
        structlog.get_logger().exception("worker.failed")

    (line,) = written(settings)
    assert line["level"] == "error"
    assert line["exception"].startswith("Traceback (most recent call last):")
    assert line["exception"].endswith("ValueError: no such ticker: ZZZZ")


def test_a_value_that_json_cannot_say_leaves_the_line_valid(settings: Settings) -> None:
    configure_logging(settings, "fetcher", io.StringIO())

    structlog.get_logger().info(
        "bar.refused", price=float("nan"), raw=b"\xff", at=Path("/x"), name="\ud800"
    )

    (line,) = written(settings)
    assert (line["price"], line["raw"], line["name"]) == (None, "b'\\xff'", "\\ud800")


def test_no_secret_reaches_the_file_or_the_terminal(settings: Settings) -> None:
    terminal = io.StringIO()
    configure_logging(settings, "gateway", terminal)
    log = structlog.get_logger()

    log.warning("call.failed", url="https://host/quote?symbol=SPY&token=abc123&x=1")
    log.warning("call.failed", headers={"X-Finnhub-Token": "k3y/of finnhub"}, tries=["t'ken"])
    log.warning("call.failed to /?key=k3y%2Fof%20finnhub", error=ValueError("t'ken"))
    try:
        raise RuntimeError("k3y/of finnhub")
    except RuntimeError:
        log.exception("call.failed")

    everything = terminal.getvalue() + (settings.logs_dir / "gateway.jsonl").read_text()
    for secret in ("abc123", "k3y/of finnhub", "k3y%2Fof%20finnhub", "t'ken"):
        assert secret not in everything
    first, second, *_ = written(settings, "gateway")
    assert first["url"] == "https://host/quote?symbol=SPY&token=***&x=1"
    assert second["headers"] == {"X-Finnhub-Token": "***"}


@pytest.mark.parametrize(
    ("secrets", "value", "hidden"),
    [
        (["abc", "abcdef"], "abcdef, abc", "***, ***"),
        (["a\\b"], ValueError("a\\b"), "ValueError('***')"),
        (["a+b c"], "?q=a%2Bb+c&r=a%2Bb%20c", "?q=***&r=***"),
    ],
)
def test_a_secret_is_hidden_whole_and_however_it_is_spelled(
    secrets: list[str], value: object, hidden: str
) -> None:
    assert Mask(secrets).hide(value) == hidden


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=1), NESTED)
def test_no_depth_hides_a_secret(secret: str, value: object) -> None:
    hidden = Mask([secret]).hide([value, {f"a{secret}": f"{secret}b"}, (secret,), {secret}])

    assert [text for text in texts_in(hidden) if secret in text] == []


def texts_in(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, inner in value.items():
                yield from texts_in(key)
                yield from texts_in(inner)
        case list():
            for inner in value:
                yield from texts_in(inner)


@given(NESTED)
def test_without_secrets_plain_values_stay_as_they_are(value: object) -> None:
    assume("=" not in repr(value))

    assert Mask([]).hide(value) == value


def test_configured_again_each_line_is_written_once(settings: Settings) -> None:
    configure_logging(settings, "fetcher", io.StringIO())
    configure_logging(settings, "fetcher", io.StringIO())

    structlog.get_logger().info("cycle.started")

    assert [line["event"] for line in written(settings)] == ["cycle.started"]


def day_file(folder: Path, days_kept: int = 14) -> DayFile:
    handler = DayFile(folder, "cache", days_kept)
    handler.setFormatter(logging.Formatter('{"timestamp":"%(message)s"}'))
    return handler


def say(handler: DayFile, moment: str) -> None:
    created = datetime.fromisoformat(moment).timestamp()
    handler.handle(logging.makeLogRecord({"msg": moment, "created": created}))


def days_in(folder: Path) -> dict[str, list[str]]:
    """Tell each file's lines, shortened to day and hour."""
    return {
        path.name: [json.loads(line)["timestamp"][8:13] for line in path.read_text().splitlines()]
        for path in sorted(folder.iterdir())
    }


def test_a_new_day_begins_a_new_file_and_the_old_one_takes_its_date(tmp_path: Path) -> None:
    handler = day_file(tmp_path)

    for moment in ("2026-11-20T22:00:00Z", "2026-11-20T23:59:59Z", "2026-11-21T00:00:00Z"):
        say(handler, moment)

    assert days_in(tmp_path) == {
        "cache.2026-11-20.jsonl": ["20T22", "20T23"],
        "cache.jsonl": ["21T00"],
    }


def test_a_process_started_again_appends_on_the_same_day_and_not_on_the_next(
    tmp_path: Path,
) -> None:
    for moment in ("2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z", "2026-11-23T09:00:00Z"):
        handler = day_file(tmp_path)
        say(handler, moment)
        handler.close()

    assert days_in(tmp_path) == {
        "cache.2026-11-20.jsonl": ["20T09", "20T10"],
        "cache.jsonl": ["23T09"],
    }


def test_two_processes_at_one_file_lose_no_line_when_the_day_turns(tmp_path: Path) -> None:
    parent, child = day_file(tmp_path), day_file(tmp_path)

    say(parent, "2026-11-20T08:00:00Z")
    say(child, "2026-11-20T09:00:00Z")
    say(child, "2026-11-21T10:00:00Z")
    say(parent, "2026-11-21T11:00:00Z")
    say(child, "2026-11-21T12:00:00Z")

    assert days_in(tmp_path) == {
        "cache.2026-11-20.jsonl": ["20T08", "20T09"],
        "cache.jsonl": ["21T10", "21T11", "21T12"],
    }


def test_only_so_many_old_days_are_kept_and_others_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "cachemere.2026-01-01.jsonl").write_text("")
    handler = day_file(tmp_path, days_kept=2)

    for day in range(16, 21):
        say(handler, f"2026-11-{day}T12:00:00Z")

    assert days_in(tmp_path) == {
        "cache.2026-11-18.jsonl": ["18T12"],
        "cache.2026-11-19.jsonl": ["19T12"],
        "cache.jsonl": ["20T12"],
        "cachemere.2026-01-01.jsonl": [],
    }


def test_a_clock_that_goes_back_overwrites_no_earlier_day(tmp_path: Path) -> None:
    handler = day_file(tmp_path)

    for moment in (
        "2026-11-20T12:00:00Z",
        "2026-11-21T12:00:00Z",
        "2026-11-20T13:00:00Z",
        "2026-11-21T14:00:00Z",
    ):
        say(handler, moment)

    assert days_in(tmp_path) == {
        "cache.2026-11-20.jsonl": ["20T12"],
        "cache.jsonl": ["21T12", "20T13", "21T14"],
    }


def test_a_day_that_was_put_away_already_is_not_overwritten(tmp_path: Path) -> None:
    for name in ("cache.2026-11-20.jsonl", "cache.jsonl"):
        (tmp_path / name).write_text('{"timestamp":"2026-11-20T12:00:00Z"}\n')

    say(day_file(tmp_path), "2026-11-21T14:00:00Z")

    assert days_in(tmp_path) == {
        "cache.2026-11-20.jsonl": ["20T12"],
        "cache.jsonl": ["20T12", "21T14"],
    }


def test_a_damaged_file_is_put_away_by_the_day_of_its_last_write(tmp_path: Path) -> None:
    torn = tmp_path / "cache.jsonl"
    torn.write_text('{"timest')
    last_write = datetime.fromisoformat("2026-11-19T12:00:00Z").timestamp()
    os.utime(torn, (last_write, last_write))

    say(day_file(tmp_path), "2026-11-20T12:00:00Z")

    assert (tmp_path / "cache.2026-11-19.jsonl").read_text() == '{"timest'
    assert torn.read_text() == '{"timestamp":"2026-11-20T12:00:00Z"}\n'


def test_a_log_that_cannot_be_written_says_so_and_stops_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = day_file(tmp_path / "gone")

    say(handler, "2026-11-20T12:00:00Z")

    assert "FileNotFoundError" in capsys.readouterr().err
