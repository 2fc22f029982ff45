"""What is made of a folder of somebody's own bars: the good rows, and words for the bad ones."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace as replaced
from pathlib import Path

import polars as pl
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from bus.testing import given, microseconds
from config.settings import PROJECT_ROOT, FetcherSettings, Settings
from market.messages.fetcher import Bars, SourceCalled, Timeframe
from market.sessions import day_start_us
from services.fetcher.actor import build
from services.fetcher.child.client import ChildProcess
from services.fetcher.core.answers import Answer, Failure
from services.fetcher.core.declaration import Unusable
from services.fetcher.effects import Fetch, Fetched, FetchFailed, Open
from services.fetcher.options import options_of
from services.fetcher.perform import fetch
from services.fetcher.ports import Ports, real_ports
from services.fetcher.raw import RawAnswer
from services.fetcher.sources import files, read
from tests.conformance.source import Sample, SourceConformance

NOW_US = microseconds("2026-01-05T16:00:00")
HEADER = "Date,Open,High,Low,Close,Volume"
DAYS = f"""{HEADER}
2025-12-29,10,12,9,11,100
2025-12-30,11,13,10,12,200
2025-12-31,12,14,11,13,300
"""
HOURS = f"""{HEADER}
2025-12-31T09:30:00-05:00,10,12,9,11,100
2025-12-31 15:30:00Z,11,13,10,12,200
2025-12-31 11:30-05:00,12,14,11,13,300
"""


def asked(timeframe: Timeframe = "1d", latest_us: int = 0, ticker: str = "SPY") -> Fetch:
    return Fetch(SourceCalled("files", "bars", ticker, timeframe), NOW_US, latest_us)


def raw(body: str | bytes, name: str = "SPY.1d.csv", **headers: str) -> RawAnswer:
    data = body.encode() if isinstance(body, str) else body
    return RawAnswer(200, {"name": name, **headers}, data, name)


def parsed(
    body: str | bytes, timeframe: Timeframe = "1d", name: str = "SPY.csv", **headers: str
) -> Answer:
    answer = read(files, raw(body, name, **headers), asked(timeframe))
    assert isinstance(answer, Answer), answer
    return answer


def refused(
    body: str | bytes, timeframe: Timeframe = "1d", name: str = "SPY.csv", **headers: str
) -> str:
    answer = read(files, raw(body, name, **headers), asked(timeframe))
    assert isinstance(answer, Failure)
    assert answer.reason in ("invalid", "no_data")
    return answer.message


def starts(answer: Answer) -> tuple[int, ...]:
    return answer.bars.start_us if answer.bars else ()


def test_days_are_labelled_by_their_date() -> None:
    answer = parsed(DAYS)
    assert starts(answer) == tuple(day_start_us(f"2025-12-{day}") for day in (29, 30, 31))
    assert answer.bars
    assert answer.bars.close == (11.0, 12.0, 13.0)
    assert answer.bars.volume == (100.0, 200.0, 300.0)
    assert answer.refused_rows == 0


def test_hours_are_instants_however_their_zone_is_written() -> None:
    hours = ("14:30", "15:30", "16:30")
    expected = tuple(microseconds(f"2025-12-31T{hour}:00") for hour in hours)
    assert starts(parsed(HOURS, "1h")) == expected
    local = HOURS.replace("-05:00", "").replace("15:30:00Z", "10:30:00")
    assert starts(parsed(local, "1h", zone="America/New_York")) == expected


def test_a_time_without_a_zone_is_refused_with_the_remedy() -> None:
    words = refused(HOURS.replace("15:30:00Z", "10:30:00"), "1h", "SPY.1h.csv")
    assert words.startswith("SPY.1h.csv line 3: 2025-12-31 10:30:00 has no zone")
    assert "fetcher.files_zone" in words


@pytest.mark.parametrize(
    "header",
    [
        "DATE,OPEN,HIGH,LOW,CLOSE,VOLUME",
        "timestamp,open,high,low,close,Vol",
        " Time , Open , High , Low , Close , Volume ",
        "\ufeffDatetime,Open,High,Low,Close,Volume",
    ],
)
def test_columns_go_by_their_usual_names(header: str) -> None:
    assert parsed(DAYS.replace(HEADER, header)) is not None
    assert starts(parsed(DAYS.replace(HEADER, header))) == starts(parsed(DAYS))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_seen(separator: str) -> None:
    assert starts(parsed(DAYS.replace(",", separator))) == starts(parsed(DAYS))


def test_adjusted_closes_are_not_read() -> None:
    text = "Date,Open,High,Low,Close,Adj Close,Volume\n2025-12-31,12,14,11,13,1,300\n"
    assert parsed(text).bars == parsed(f"{HEADER}\n2025-12-31,12,14,11,13,300\n").bars


def test_a_table_that_is_newest_first_is_turned_around() -> None:
    header, *rows = DAYS.splitlines()
    assert parsed("\n".join([header, *reversed(rows)])).bars == parsed(DAYS).bars


def many(*bad: str) -> str:
    good = [
        f"2025-{month:02d}-{day:02d},10,12,9,11,100" for month in (1, 2, 3) for day in range(1, 29)
    ]
    return "\n".join([HEADER, *good, *bad])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2025-12-30,x,13,10,12,200", "the open is 'x'"),
        ("2025-12-30,11,13,10,,200", "the close is ''"),
        ("2025-12-30,11,9,10,12,200", "the high, 9, is not the highest"),
        ("2025-12-30,11,13,12,12,200", "the low, 12, is not the lowest"),
        ("2025-12-30,11,13,0,12,200", "the low is 0"),
        ("2025-12-30,11,13,10,12,-1", "the volume, a dividend or a split is less than nothing"),
        ("2025-12-30,11,13,10,nan,200", "one of its numbers is none"),
        ("2025-12-30,11,inf,10,12,200", "one of its numbers is none"),
        ("12/30/2025,11,13,10,12,200", "'12/30/2025' is no date: write it as 2024-01-31"),
        ("2025-03-28,11,13,10,12,200", "line 85 tells the same time"),
        ("2025-12-30,11", "list index out of range"),
    ],
)
def test_a_bad_row_is_refused_with_its_file_and_line(row: str, words: str) -> None:
    answer = parsed(many(row))
    assert answer.refused_rows == 1
    assert len(starts(answer)) == 84
    assert answer.faults == (f"SPY.csv line 86: {words}",)


def test_with_too_many_bad_rows_the_file_is_refused() -> None:
    words = refused(many(*["2025-12-30,x,13,10,12,200"] * 20))
    assert words == "20 of 104 rows are not believable; SPY.csv line 86: the open is 'x'"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "SPY.csv has no column date, open, high, low, close, volume"),
        ("Date,Open,High,Low,Close\n2025-12-31,12,14,11,13\n", "SPY.csv has no column volume"),
        (HEADER, "SPY.csv has no rows"),
        (DAYS.encode("utf-16"), "SPY.csv is not UTF-8"),
        (DAYS + '2026-01-02,"' + "1" * 200_000, "SPY.csv line 5: field larger"),
    ],
)
def test_a_file_that_is_no_table_says_what_to_do(body: str | bytes, words: str) -> None:
    assert refused(body).startswith(words)


SPLIT = f"""{HEADER},Stock Splits,Dividends
2025-12-30,100,104,98,101,200,0.0,0.25
2025-12-31,10,10.5,9.8,10.2,3000,10,0
"""


def test_a_split_and_a_dividend_are_told_at_their_row() -> None:
    bars = parsed(SPLIT).bars
    assert bars
    assert (bars.splits, bars.dividends) == ((1.0, 10.0), (0.25, 0.0))


def test_a_split_that_the_prices_do_not_show_is_refused() -> None:
    words = refused(SPLIT.replace("100,104,98,101", "10,10.4,9.8,10.1"))
    assert words.startswith("SPY.csv line 3 tells a split of 10 that the prices do not show")


def parquet(text: str = DAYS) -> bytes:
    frame = pl.read_csv(text.encode(), try_parse_dates=True)
    file = io.BytesIO()
    frame.with_columns(list=pl.lit([1])).write_parquet(file)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "bars"
    found.mkdir()
    return found


def ports_of(folder: Path, zone: str = "") -> Ports:
    set_to = FetcherSettings(files_folder=str(folder), files_zone=zone)
    return real_ports(Settings(home=folder.parent / "home", fetcher=set_to))


@pytest.mark.parametrize(
    ("name", "ticker", "timeframe"),
    [
        ("SPY.1d.csv", "SPY", "1d"),
        ("SPY.csv", "SPY", "1d"),
        ("spy.CSV", "SPY", "1d"),
        ("BRK-B.csv", "BRK-B", "1d"),
        ("BRK.B.1d.csv", "BRK-B", "1d"),
        ("SPY.1h.csv", "SPY", "1h"),
    ],
)
def test_a_file_is_found_by_its_ticker(
    folder: Path, name: str, ticker: str, timeframe: Timeframe
) -> None:
    (folder / name).write_text(DAYS)
    found = files.ask(asked(timeframe, ticker=ticker), ports_of(folder))
    assert isinstance(found, RawAnswer)
    assert (found.url, found.body) == (name, DAYS.encode())


@pytest.mark.parametrize("name", ["SPY.1h.csv", "SPYG.csv", "SPY.txt", "SPY"])
def test_what_is_another_file_is_not_taken_for_it(folder: Path, name: str) -> None:
    (folder / name).write_text(DAYS)
    (folder / "SPY.csv").mkdir()
    assert files.ask(asked(), ports_of(folder)) == Failure(
        "no_data", "there is no file SPY.csv in fetcher.files_folder"
    )


def test_a_folder_that_is_gone_is_told_with_the_remedy(tmp_path: Path) -> None:
    failure = files.ask(asked(), ports_of(tmp_path / "nowhere"))
    assert isinstance(failure, Failure)
    assert failure.reason == "unreachable"
    assert "mend fetcher.files_folder" in failure.message


def test_without_a_folder_the_source_is_left_out_with_the_remedy(tmp_path: Path) -> None:
    options = options_of(Settings(home=tmp_path, fetcher=FetcherSettings(sources=("files",))))
    (without,) = options.unusable
    assert isinstance(without, Unusable)
    assert "set fetcher.files_folder" in without.reason


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildProcess]:
    found = ChildProcess(tmp_path_factory.mktemp("child"))
    yield found
    found.close()


ZONED = f"""{HEADER}
2025-12-31T09:30:00-05:00,10,12,9,11,100
2025-12-31T10:30:00-05:00,11,13,10,12.000000001,200
"""


@pytest.mark.parametrize(("text", "timeframe"), [(DAYS, "1d"), (ZONED, "1h")])
def test_a_parquet_file_reads_like_its_table(
    folder: Path, child: ChildProcess, text: str, timeframe: Timeframe
) -> None:
    (folder / f"SPY.{timeframe}.parquet").write_bytes(parquet(text))
    found = files.ask(asked(timeframe), replaced(ports_of(folder), child=child))
    assert isinstance(found, RawAnswer)
    answer = read(files, found, asked(timeframe))
    assert isinstance(answer, Answer)
    assert answer.bars == parsed(text, timeframe).bars


def test_a_damaged_parquet_file_ends_the_child_at_most(folder: Path, child: ChildProcess) -> None:
    ports = replaced(ports_of(folder), child=child)
    whole = parquet()
    for damage in (
        b"",
        b"PAR1",
        b"x" * 999,
        whole[:-9],
        whole[9:],
        whole[:40] + b"\xff" * 9 + whole[49:],
    ):
        (folder / "SPY.parquet").write_bytes(damage)
        found = files.ask(asked(), ports)
        assert isinstance(found, Failure)
        assert found.message.startswith("SPY.parquet is not a Parquet file")
    (folder / "SPY.parquet").write_bytes(whole)
    assert isinstance(files.ask(asked(), ports), RawAnswer)


def year() -> str:
    return "\n".join(
        [
            HEADER,
            *(f"2025-{m:02d}-{d:02d},10,12,9,11,100" for m in range(1, 13) for d in range(1, 29)),
        ]
    )


def told(ports: Ports, latest_us: int) -> tuple[int, ...]:
    command = fetch(asked(latest_us=latest_us), ports)
    assert isinstance(command, Fetched)
    return starts(command.answer)


def test_a_file_is_told_once_and_anew_when_it_changes(folder: Path) -> None:
    file = folder / "SPY.csv"
    file.write_text(year())
    ports = ports_of(folder)
    everything = told(ports, 0)
    assert len(everything) == 336
    file.write_text(year().replace("2025-01-02,10", "2025-01-02,11"))
    assert told(ports, everything[-1]) == everything
    assert told(ports_of(folder), everything[-3]) == everything[-34:]  # as a new process knows too


def test_a_file_without_a_newer_bar_leaves_it_to_the_next_source(folder: Path) -> None:
    (folder / "SPY.csv").write_text(year())
    ports = ports_of(folder)
    end_us = told(ports, 0)[-1]
    command = fetch(asked(latest_us=end_us), ports)
    assert isinstance(command, FetchFailed)
    assert command.failure.reason == "no_data"
    assert command.failure.message == "SPY.csv has nothing newer: its end is known"


def test_a_file_beyond_the_bound_is_read_no_further_than_the_bound(folder: Path) -> None:
    (folder / "SPY.csv").write_bytes(b"x" * (files.DECLARED.answer_bytes_max + 1_000))
    found = files.ask(asked(), ports_of(folder))
    assert isinstance(found, RawAnswer)
    assert len(found.body) == files.DECLARED.answer_bytes_max + 1
    assert "larger than" in str(read(files, found, asked()))


def test_bad_rows_are_named_in_the_log(folder: Path) -> None:
    (folder / "SPY.csv").write_text(many("2025-12-30,x,13,10,12,200"))
    with capture_logs() as logs:
        fetch(asked(), ports_of(folder))
    assert [line["row"] for line in logs] == ["SPY.csv line 86: the open is 'x'"]


def test_the_example_of_the_manual_is_collected_before_anybody_else_is_asked(
    folder: Path,
) -> None:
    manual = (PROJECT_ROOT / "docs" / "sources.md").read_text()
    (example,) = re.findall(r"```csv\n(.*?)```", manual, re.DOTALL)
    (folder / "SPY.csv").write_text(example)
    settings = Settings(
        home=folder.parent,
        fetcher=FetcherSettings(sources=("files", "yahoo"), files_folder=str(folder)),
    )
    deck = given(build(options_of(settings)))
    deck.tell("2025-11-30T12:00:00", Open())
    deck.tick("2025-11-30T12:00:00")
    spy = SourceCalled("files", "bars", "SPY", "1d")
    (asks,) = [
        one
        for one in deck.effects
        if isinstance(one, Fetch) and replace(one.call, deadline_us=0) == spy
    ]
    command = fetch(asks, real_ports(settings))
    assert isinstance(command, Fetched)
    deck.tell("2025-11-30T12:00:01", command)
    (bars,) = [event for event in deck.said if isinstance(event, Bars)]
    assert (bars.source, bars.ticker, bars.close) == ("files", "SPY", (667.90, 671.15, 674.60))


class TestFiles(SourceConformance):
    source = files
    statuses = {}  # noqa: RUF012 - there is no wire
    samples = (
        Sample("days", asked(), raw(DAYS), "answer"),
        Sample("hours", asked("1h"), raw(HOURS, "SPY.1h.csv"), "answer"),
        Sample("a page", asked(), raw("<html></html>"), "invalid"),
        Sample("nothing", asked(), raw(HEADER), "no_data"),
    )
