"""What the deck needs to run here."""

from __future__ import annotations

import http.server
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from bus.clock import SystemClock
from bus.codec import Append, Codec
from bus.keeping.replacing import Plan
from bus.reading import TapeReader
from bus.tape import TapeWriter
from bus.tapefile import plan_of
from config.settings import Settings, read_settings
from market.messages import CONTRACT
from services.gateway import doctor
from services.gateway.cli import tapedeck
from services.gateway.doctor import Check, Finding, text, verdict
from tests.services.gateway import samples

Found = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def found(tmp_path: Path) -> Found:
    """The names and states that a check finds under some settings."""

    def checked(check: Check, **environ: str) -> list[tuple[str, str]]:
        settings = read_settings({"TAPEDECK_HOME": str(tmp_path / "home"), **environ}, tmp_path)
        findings = list(check(settings))
        assert all(bool(f.remedy) == (f.state != "ok") for f in findings)
        return [(finding.name, finding.state) for finding in findings]

    return checked


@pytest.fixture
def write_tape(tmp_path: Path) -> Path:
    """A home whose tape holds one quote."""
    home = tmp_path / "home"
    home.mkdir()
    say_quote(home / "tape.db")
    return home / "tape.db"


def say_quote(path: Path) -> None:
    """Append one quote to the tape."""
    with closing(TapeWriter(path)) as tape:
        mark = tape.enlist("fetcher", 0)
        draft = Codec(CONTRACT).draft(samples.quote())
        turn = Append("fetcher", mark.epoch, mark.mark, mark.mark + 1, "synced", (draft,))
        tape.append([turn], SystemClock().now_us())


@pytest.fixture
def stranger() -> Iterator[int]:
    """A port on which some other program serves pages."""
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("states", "code"),
    [(["ok", "ok"], 0), (["ok", "weak"], 3), (["weak", "bad"], 1), ([], 0)],
)
def test_the_worst_finding_sets_the_exit_code(states: list[doctor.State], code: int) -> None:
    assert verdict([Finding("a", state, "b") for state in states]) == code


def test_this_machine_runs_the_deck(found: Found) -> None:
    for check in (doctor.python, doctor.packages, doctor.home, doctor.sockets):
        assert [state for _, state in found(check)] == ["ok"]


def test_a_home_that_cannot_be_written_is_bad(found: Found, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert found(doctor.home, TAPEDECK_HOME=str(tmp_path / "file" / "home")) == [("home", "bad")]


def test_a_port_is_free_or_taken_by_a_stranger(found: Found, stranger: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    assert found(doctor.port, TAPEDECK_GATEWAY__PORT=str(free)) == [("port", "ok")]
    assert found(doctor.port, TAPEDECK_GATEWAY__PORT=str(stranger)) == [("port", "bad")]


def test_a_first_start_needs_no_tape(found: Found) -> None:
    assert found(doctor.tape) == [("tape", "ok")]


def test_a_whole_tape_is_read_to_its_last_record(found: Found, write_tape: Path) -> None:
    reader = TapeReader(write_tape)
    assert reader.head() == 1
    reader.close()
    assert found(doctor.tape) == [("tape", "ok")]


def test_a_damaged_tape_is_bad(found: Found, write_tape: Path) -> None:
    write_tape.write_bytes(b"not a tape at all")
    assert found(doctor.tape) == [("tape", "bad")]


def test_a_tape_that_is_being_replaced_is_bad_and_says_how_to_finish(
    found: Found, write_tape: Path
) -> None:
    plan = Plan("./tapedeck restore FILE", "quarantine/x", (), (), msgspec.Raw(b"{}"))
    plan_of(write_tape).write_bytes(msgspec.json.encode(plan))
    assert found(doctor.tape) == [("tape", "bad")]


def test_a_row_damaged_before_the_last_one_is_found_as_the_bus_would_find_it(
    tmp_path: Path, write_tape: Path
) -> None:
    say_quote(write_tape)
    with closing(sqlite3.connect(write_tape)) as file, file:
        file.execute("UPDATE event SET body = x'00' WHERE seq = 1")
    settings = read_settings({"TAPEDECK_HOME": str(write_tape.parent)}, tmp_path)
    (finding,) = doctor.tape(settings)
    assert (finding.state, "seq 1 " in finding.message) == ("bad", True)
    assert finding.remedy == "see what is sound: ./tapedeck verify"


def test_a_long_tail_is_read_to_its_end(found: Found, write_tape: Path) -> None:
    tape = TapeWriter(write_tape)
    mark = tape.enlist("fetcher", 0)
    draft = Codec(CONTRACT).draft(samples.quote())
    for turn in range(3):
        drafts = (draft,) * 500
        append = Append(
            "fetcher", mark.epoch, mark.mark + turn, mark.mark + turn + 1, "logged", drafts
        )
        tape.append([append], SystemClock().now_us())
    assert tape.head == 1_501
    tape.close()
    assert found(doctor.tape) == [("tape", "ok")]
    with closing(sqlite3.connect(write_tape)) as file, file:
        file.execute("UPDATE event SET body = x'00' WHERE seq = 502")
    assert found(doctor.tape) == [("tape", "bad")]


def test_a_printed_address_can_be_opened(tmp_path: Path) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as probe:
        port = probe.getsockname()[1]
    environ = {"TAPEDECK_GATEWAY__HOST": "::1", "TAPEDECK_GATEWAY__PORT": str(port)}
    (free,) = doctor.port(read_settings({"TAPEDECK_HOME": str(tmp_path), **environ}, tmp_path))
    assert free.message == f"http://[::1]:{port} is free"


def test_providers_out_of_reach_are_weak_and_the_key_is_told_to_nobody(found: Found) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nowhere = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", nowhere)
        patch.delenv("NO_PROXY", raising=False)
        patch.delenv("no_proxy", raising=False)
        assert found(doctor.providers) == [("finnhub", "weak"), ("yahoo", "weak"), ("key", "ok")]
    assert found(doctor.providers, TAPEDECK_FETCHER__SOURCES="simulated") == []


def test_the_command_prints_every_finding(tmp_path: Path) -> None:
    environment = {"TAPEDECK_HOME": str(tmp_path), "TAPEDECK_FETCHER__SOURCES": "simulated"}
    as_json = CliRunner().invoke(tapedeck, ["doctor", "--json"], env=environment)
    findings = msgspec.json.decode(as_json.stdout, type=list[Finding])
    assert as_json.exit_code == verdict(findings)
    for_people = CliRunner().invoke(tapedeck, ["doctor"], env=environment).stdout
    assert all(text(finding).split("\n")[0][:20] in for_people for finding in findings)


def test_settings_carry_no_secret_into_a_finding(tmp_path: Path) -> None:
    environ = {"TAPEDECK_HOME": str(tmp_path), "FINNHUB_API_KEY": "my-secret-key"}
    settings: Settings = read_settings(environ, tmp_path)
    quick = [check for check in doctor.CHECKS if check is not doctor.providers]
    assert "my-secret-key" not in str([list(check(settings)) for check in quick])
