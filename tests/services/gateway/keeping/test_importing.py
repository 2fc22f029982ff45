"""``./tapedeck import``, as it is typed: events on the tape, once, and a key for nobody's eyes."""

from __future__ import annotations

from pathlib import Path
from stat import S_IMODE
from typing import Any

import msgspec
import pytest

from bus.actor import Refused
from bus.codec import Codec
from bus.keeping.verify import inspect
from bus.locks import hold
from bus.message import Fact
from bus.testing import given
from config.settings import Settings, read_settings
from market.messages import CONTRACT
from market.messages.fetcher import WATCHLIST_MAX, WatchlistAdded
from services.fetcher.actor import build
from services.gateway.keeping.importing import run
from services.gateway.keeping.wanted import ImportWanted
from tests.bus.tapes import everything
from tests.services.fetcher.kit import OPTIONS
from tests.services.gateway.keeping.conftest import Type, lost_power

KEY = "d1a2b3c4d5e6f7g8h9i0"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """An older collector's folder with a watchlist."""
    folder = tmp_path / "older" / "data"
    folder.mkdir(parents=True)
    (folder / "watchlist.json").write_text('["SPY", "nvda", "brk.b", "nothing at all"]')
    return folder


@pytest.fixture
def settings(home: Path) -> Settings:
    return read_settings({"TAPEDECK_HOME": str(home)})


def added(home: Path) -> list[Fact[Any]]:
    """The facts that the import put on the tape."""
    records = [record for record in everything(home / "tape.db") if record.producer == "import"]
    return [Codec(CONTRACT).fact(record) for record in records]


def test_the_tickers_are_on_the_tape_and_the_report_tells_what_is_not(
    home: Path, older: Path, type_: Type
) -> None:
    result = type_("import", str(older))

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"{older}: 3 tickers taken, 0 tracked already; Finnhub's key: none\n"
        "  SPY NVDA BRK-B\n"
        "  refused watchlist.json: 'nothing at all': no ticker: write 1 to 5 letters or digits,"
        " and a class suffix where there is one: NVDA, BRK-B\n"
    )
    assert [fact.event for fact in added(home)] == [
        WatchlistAdded(ticker) for ticker in ("SPY", "NVDA", "BRK-B")
    ]
    assert inspect(home / "tape.db").findings == ()


def test_the_collector_tracks_what_was_imported(home: Path, older: Path, type_: Type) -> None:
    type_("import", str(older))
    collector = given(build(OPTIONS), *[(fact.at_us, fact.event) for fact in added(home)])

    assert collector.state.watchlist == ("SPY", "NVDA", "BRK-B")


def test_a_second_import_adds_nothing(home: Path, older: Path, type_: Type) -> None:
    type_("import", str(older))
    before = everything(home / "tape.db")
    told = msgspec.json.decode(type_("import", str(older), "--json").stdout)

    assert (told["tickers"], told["tracked_already"]) == ([], ["SPY", "NVDA", "BRK-B"])
    assert everything(home / "tape.db") == before


def test_a_home_without_a_tape_gets_one(tmp_path: Path, older: Path, type_: Type) -> None:
    result = type_("import", str(older), TAPEDECK_HOME=str(tmp_path / "new"))

    assert result.exit_code == 0
    assert len(added(tmp_path / "new")) == 3


@pytest.mark.guarantee("snapshots")
def test_after_a_loss_of_power_a_state_from_behind_the_end_is_forgotten_before_events_are_added(
    home: Path, older: Path, type_: Type
) -> None:
    state = lost_power(home)
    result = type_("import", str(older))

    assert (result.exit_code, len(added(home)), state.exists()) == (0, 3, False)
    assert result.stderr == (
        "counter knew of an end that was lost with the power: it folds the tape again\n"
    )


def test_no_more_is_taken_than_a_collector_tracks(home: Path, older: Path, type_: Type) -> None:
    names = [f"A{number}" for number in range(WATCHLIST_MAX + 2)]
    (older / "watchlist.json").write_bytes(msgspec.json.encode(names))
    told = msgspec.json.decode(type_("import", str(older), "--json").stdout)

    assert (told["tickers"], [one["what"] for one in told["refused"]]) == (
        names[:WATCHLIST_MAX],
        [f"watchlist.json: {name}" for name in names[WATCHLIST_MAX:]],
    )


def test_a_running_deck_is_not_disturbed(
    home: Path, older: Path, type_: Type, settings: Settings
) -> None:
    settings.run_dir.mkdir()
    with hold(settings.run_dir, "tapedeck", "make run"):
        result = type_("import", str(older))

    assert (result.exit_code, added(home)) == (1, [])
    assert "stop it first" in result.stderr


def test_a_key_is_kept_for_its_owner_and_shown_to_nobody(
    home: Path,
    older: Path,
    settings: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (older.parent / "api_keys.json").write_text(f'{{"finnhub": "{KEY}"}}')
    keys = tmp_path / "api_keys.json"
    told = [
        report(older, settings, keys, capsys)["key"],
        report(older, settings, keys, capsys)["key"],
    ]

    assert told == ["taken", "there already"]
    assert (msgspec.json.decode(keys.read_bytes()), S_IMODE(keys.stat().st_mode)) == (
        {"finnhub": KEY},
        0o600,
    )
    assert not [
        one for one in home.rglob("*") if one.is_file() and KEY.encode() in one.read_bytes()
    ]


def test_where_no_key_can_be_written_the_tickers_are_taken_and_the_remedy_is_told(
    home: Path, older: Path, settings: Settings, tmp_path: Path
) -> None:
    (older / "api_keys.json").write_text(f'{{"finnhub": "{KEY}"}}')
    with pytest.raises(Refused, match="cannot be written") as refused:
        run(settings, ImportWanted(str(older)), as_json=True, keys=tmp_path / "none" / "keys.json")

    assert refused.value.remedy == "make the folder writable, then import again"
    assert len(added(home)) == 3


@pytest.mark.parametrize("there", ['{"finnhub": "another key"}', "no JSON at all"])
def test_a_file_of_keys_that_is_there_stays_as_it_is(
    older: Path,
    settings: Settings,
    tmp_path: Path,
    there: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (older / "api_keys.json").write_text(f'{{"FINNHUB_API_KEY": "{KEY}"}}')
    keys = tmp_path / "api_keys.json"
    keys.write_text(there)
    told = report(older, settings, keys, capsys)

    assert (told["key"], keys.read_text()) == ("none", there)
    assert told["refused"][-1]["what"] == "api_keys.json: finnhub"


def report(
    older: Path, settings: Settings, keys: Path, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    """What an import tells programs; the key never."""
    run(settings, ImportWanted(str(older)), as_json=True, keys=keys)
    text = capsys.readouterr().out
    assert KEY not in text
    return dict(msgspec.json.decode(text))
