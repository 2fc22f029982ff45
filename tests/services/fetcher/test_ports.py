"""The home's small files are replaced as a whole, and never by an older state."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from config.settings import FetcherSettings, Secret, Settings, SettingsError
from services.fetcher.core.declaration import Options
from services.fetcher.effects import Save
from services.fetcher.options import options_of
from services.fetcher.perform import save
from services.fetcher.ports import HomeFiles, real_ports


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    files = HomeFiles(tmp_path)
    files.save("status.json", b"one", 1)
    files.save("status.json", b"two", 2)
    assert (tmp_path / "status.json").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


def test_an_older_state_that_comes_later_is_dropped(tmp_path: Path) -> None:
    files = HomeFiles(tmp_path)
    files.save("status.json", b"new", 2)
    files.save("status.json", b"old", 1)
    files.save("watchlist.json", b"other", 1)
    assert (tmp_path / "status.json").read_bytes() == b"new"
    assert (tmp_path / "watchlist.json").read_bytes() == b"other"


def test_of_many_writers_the_latest_state_stays_and_no_reader_sees_half_of_one(
    tmp_path: Path,
) -> None:
    files = HomeFiles(tmp_path)
    bodies = {at_us: bytes([at_us]) * 10_000 for at_us in range(1, 21)}
    files.save("status.json", bodies[1], 1)
    threads = [
        threading.Thread(target=files.save, args=("status.json", body, at_us))
        for at_us, body in bodies.items()
    ]
    for thread in threads:
        thread.start()
        assert (tmp_path / "status.json").read_bytes() in bodies.values()
    for thread in threads:
        thread.join()
    assert (tmp_path / "status.json").read_bytes() == bodies[20]


def test_a_file_that_cannot_be_written_is_logged_and_stops_nothing(tmp_path: Path) -> None:
    (home := tmp_path / "no folder").write_text("")
    ports = real_ports(Settings(home=home))
    with capture_logs() as logs:
        save(Save("status.json", b"", 1), ports)
    structlog.reset_defaults()
    assert [line["event"] for line in logs] == ["file.not_written"]


def test_the_settings_say_who_is_asked_and_how_often(tmp_path: Path) -> None:
    options = options_of(Settings(home=tmp_path, finnhub_api_key=Secret("key")))
    assert [source.name for source in options.sources] == ["finnhub", "yahoo", "simulated"]
    assert options.declared("finnhub").per_minute == 60
    assert options.unusable == ()
    assert (options.interval_seconds, options.auto_start, options.seed) == (300, True, 7)
    assert real_ports(Settings(home=tmp_path)).finnhub_key == Secret()


def test_a_first_watchlist_is_spelt_canonically_or_stops_the_start(tmp_path: Path) -> None:
    def options(*texts: str) -> Options:
        return options_of(Settings(home=tmp_path, fetcher=FetcherSettings(watchlist=texts)))

    assert options("nvda", "brk.b").watchlist == ("NVDA", "BRK-B")
    with pytest.raises(SettingsError, match=r"fetcher\.watchlist holds 'N VDA'"):
        options("SPY", "N VDA")


def test_without_a_key_finnhub_is_left_out_with_the_remedy(tmp_path: Path) -> None:
    options = options_of(Settings(home=tmp_path))
    assert [source.name for source in options.sources] == ["yahoo", "simulated"]
    (without,) = options.unusable
    assert without.name == "finnhub"
    assert "set FINNHUB_API_KEY" in without.reason
    with pytest.raises(KeyError):
        options.declared("finnhub")
