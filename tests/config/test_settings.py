"""What a person sets: where values come from, which one wins, and how a wrong one is refused."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import (
    PROJECT_ROOT,
    Secret,
    Settings,
    SettingsError,
    prepare_home,
    read_settings,
)

TOKEN = {"TAPEDECK_GATEWAY__TOKEN": "sixteen letters."}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty project: no files, so everything is a default."""
    (tmp_path / "config").mkdir()
    return tmp_path


def refusal(root: Path, environ: Mapping[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        read_settings(environ, root)
    return str(refused.value)


def write_own_toml(root: Path, text: str) -> Path:
    path = root / "data" / "tapedeck.toml"
    path.parent.mkdir()
    path.write_text(text)
    return path


def test_without_files_and_variables_everything_has_its_default(root: Path) -> None:
    assert read_settings({}, root) == Settings(home=root / "data")


def test_the_shown_defaults_are_the_defaults() -> None:
    shown = tomllib.loads((PROJECT_ROOT / "config" / "tapedeck.toml").read_text())

    defaults = msgspec.structs.asdict(Settings(home=Path()))
    sections = {k: v for k, v in defaults.items() if isinstance(v, msgspec.Struct)}
    as_json = msgspec.json.encode(sections, enc_hook=lambda secret: secret.reveal())
    assert shown == msgspec.json.decode(as_json)


def test_every_group_of_shown_defaults_stands_under_its_explanation() -> None:
    text = (PROJECT_ROOT / "config" / "tapedeck.toml").read_text()
    sections = re.split(r"^\[\w+\]\n", text, flags=re.MULTILINE)

    assert [section for section in sections if not section.startswith("#")] == []


def test_the_example_variables_are_accepted_as_they_stand(root: Path) -> None:
    example = (PROJECT_ROOT / ".env.example").read_text()
    (root / ".env").write_text(
        "\n".join(line.removeprefix("#") for line in example.splitlines() if "=" in line)
    )

    settings = read_settings({}, root)

    assert settings.fetcher.watchlist == ("NVDA", "AAPL")
    assert settings.home == root / "data"
    assert settings.gateway.token == Secret()


def test_the_last_word_wins_from_toml_over_dotenv_to_the_environment(root: Path) -> None:
    (root / "config" / "tapedeck.toml").write_text(
        "[fetcher]\ninterval_seconds = 1\n[cache]\nttl_seconds = 1\n[gateway]\nport = 1\n"
        "[log]\ndays_kept = 1\n"
    )
    write_own_toml(
        root,
        "[cache]\nttl_seconds = 2\n[gateway]\nport = 2\n[log]\ndays_kept = 2\n",
    )
    (root / ".env").write_text("TAPEDECK_GATEWAY__PORT=3\nTAPEDECK_LOG__DAYS_KEPT=3\n")

    settings = read_settings({"TAPEDECK_LOG__DAYS_KEPT": "4"}, root)

    assert [
        settings.fetcher.interval_seconds,
        settings.cache.ttl_seconds,
        settings.gateway.port,
        settings.log.days_kept,
    ] == [1, 2, 3, 4]


def test_a_named_file_stands_in_for_the_one_in_the_home(root: Path) -> None:
    write_own_toml(root, "[cache]\nttl_seconds = 2\n")
    (root / "mine.toml").write_text("[gateway]\nport = 4000\n")

    settings = read_settings({"TAPEDECK_CONFIG": "mine.toml"}, root)

    assert (settings.cache.ttl_seconds, settings.gateway.port) == (300, 4000)


def test_a_named_file_that_is_not_there_is_refused(root: Path) -> None:
    assert refusal(root, {"TAPEDECK_CONFIG": "mine.toml"}) == (
        "TAPEDECK_CONFIG is mine.toml, and there is no such file: correct it, or remove it."
    )


def test_reading_sets_no_variable_and_writes_no_file(root: Path) -> None:
    (root / ".env").write_text("TAPEDECK_HOME=deck\nANOTHER=1\n")
    before = dict(os.environ)

    settings = read_settings({}, root)

    assert settings.home == root / "deck"
    assert dict(os.environ) == before
    assert sorted(path.name for path in root.iterdir()) == [".env", "config"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deck", "{root}/deck"),
        ("./deck", "{root}/deck"),
        ("/srv/deck", "/srv/deck"),
        ("", "{root}/data"),
    ],
)
def test_a_relative_home_starts_at_the_project(root: Path, text: str, expected: str) -> None:
    home = read_settings(
        {"TAPEDECK_HOME": text, "TAPEDECK_BUS__URL": "tcp://127.0.0.1:5550", **TOKEN}, root
    ).home

    assert str(home) == expected.format(root=root)


def test_an_empty_variable_counts_as_not_set(root: Path) -> None:
    (root / ".env").write_text("FINNHUB_API_KEY=from-file\nTAPEDECK_GATEWAY__PORT=9000\n")

    settings = read_settings({"FINNHUB_API_KEY": "", "TAPEDECK_GATEWAY__PORT": ""}, root)

    assert settings.finnhub_api_key == Secret("from-file")
    assert settings.gateway.port == 9000


def test_a_dollar_in_dotenv_is_a_dollar(root: Path) -> None:
    (root / ".env").write_text("TAPEDECK_GATEWAY__TOKEN=a${HOME}b\n")

    assert read_settings({}, root).gateway.token == Secret("a${HOME}b")


def test_words_are_taken_in_any_case_and_lists_by_commas(root: Path) -> None:
    settings = read_settings(
        {
            "TAPEDECK_FETCHER__SOURCES": "Yahoo, simulated,",
            "TAPEDECK_FETCHER__AUTO_START": "False",
            "TAPEDECK_LOG__LEVEL": "debug",
        },
        root,
    )

    assert settings.fetcher.sources == ("yahoo", "simulated")
    assert settings.fetcher.auto_start is False
    assert settings.log.level == "DEBUG"


@pytest.mark.parametrize(
    ("variable", "text", "sentence"),
    [
        (
            "TAPEDECK_FETCHER__INTERVAL_SECONDS",
            "0",
            "'0', but must be a whole number from 1 to 86400:"
            " correct it, or remove it for the default, 300.",
        ),
        (
            "TAPEDECK_BUS__DRAIN_SECONDS",
            "nan",
            "'nan', but must be a number from 0.1 to 3.5:"
            " correct it, or remove it for the default, 3.0.",
        ),
        (
            "TAPEDECK_FETCHER__AUTO_START",
            "maybe",
            "'maybe', but must be true or false: correct it, or remove it for the default, True.",
        ),
        (
            "TAPEDECK_FETCHER__SOURCES",
            "yahoo,finhub",
            "'yahoo,finhub', but must be a list of at most 10,"
            " each one of files, finnhub, simulated, yahoo:"
            " correct it, or remove it for the default, ('finnhub', 'yahoo', 'simulated').",
        ),
        (
            "TAPEDECK_LOG__LEVEL",
            "loud",
            "'loud', but must be one of CRITICAL, DEBUG, ERROR, INFO, WARNING:"
            " correct it, or remove it for the default, 'INFO'.",
        ),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence(
    root: Path, variable: str, text: str, sentence: str
) -> None:
    assert refusal(root, {variable: text}) == f"{variable} in the environment is {sentence}"


def test_a_wrong_type_in_toml_is_refused_with_its_file(root: Path) -> None:
    path = write_own_toml(root, '[cache]\nttl_seconds = "300"\n')

    assert refusal(root, {}) == (
        f"cache.ttl_seconds in {path} is '300', but must be a whole number from 1 to 86400:"
        " correct it, or remove it for the default, 300."
    )


def test_a_secret_of_the_wrong_type_is_not_told(root: Path) -> None:
    write_own_toml(root, "[gateway]\ntoken = 123456\n")

    sentence = refusal(root, {})

    assert "a secret, but must be text" in sentence
    assert "123456" not in sentence


@pytest.mark.parametrize(
    ("variable", "remedy"),
    [
        (
            "TAPEDECK_FETCHER__INTERVALL_SECONDS",
            "did you mean TAPEDECK_FETCHER__INTERVAL_SECONDS?",
        ),
        ("TAPEDECK_GATEWAY_PORT", "did you mean TAPEDECK_GATEWAY__PORT?"),
        ("TAPEDECK_HOEM", "did you mean TAPEDECK_HOME?"),
        ("FINNHUB_API_KEYS", "did you mean FINNHUB_API_KEY?"),
        ("TAPEDECK_ZZZ__QQQ", "config/tapedeck.toml shows every name."),
    ],
)
def test_an_unknown_variable_is_refused_with_the_name_it_resembles(
    root: Path, variable: str, remedy: str
) -> None:
    assert refusal(root, {variable: "1"}) == (
        f"{variable} in the environment is no setting: {remedy}"
    )


def test_a_variable_of_somebody_else_is_left_alone(root: Path) -> None:
    foreign = {"TAPEDECK_SHARED_DATA": "/data", "PATH": "/bin", "A__B": "1", "FINNHUB_BOT": "x"}

    assert read_settings(foreign, root) == read_settings({}, root)


def test_an_unknown_name_in_dotenv_is_refused_with_its_file(root: Path) -> None:
    (root / ".env").write_text("TAPEDECK_CACHE__AGE=5\n")

    assert refusal(root, {}) == (
        f"TAPEDECK_CACHE__AGE in {root / '.env'} is no setting:"
        " config/tapedeck.toml shows every name."
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[cache]\nttl = 5\n", "cache.ttl in {path} is no setting: {names}"),
        ("[cash]\n ttl_seconds = 5\n", "cash.ttl_seconds in {path} is no setting: {meant}"),
        ("port = 1\n", "port in {path} stands outside of a section: {section}"),
    ],
)
def test_an_unknown_name_in_toml_is_refused(root: Path, text: str, sentence: str) -> None:
    path = write_own_toml(root, text)

    assert refusal(root, {}) == sentence.format(
        path=path,
        names="config/tapedeck.toml shows every name.",
        meant="did you mean cache.ttl_seconds?",
        section="put it under its [section], as config/tapedeck.toml does.",
    )


def test_a_file_that_is_not_toml_is_refused_with_its_line(root: Path) -> None:
    path = write_own_toml(root, "[cache]\nttl_seconds = = 5\n")

    sentence = refusal(root, {})

    assert sentence.startswith(f"{path} is not TOML (")
    assert "line 2" in sentence


def test_the_key_comes_from_the_environment_then_dotenv_then_its_own_file(root: Path) -> None:
    assert read_settings({}, root).finnhub_api_key == Secret()

    (root / "config" / "api_keys.json").write_text('{"finnhub": "from-keys"}')
    assert read_settings({}, root).finnhub_api_key == Secret("from-keys")

    (root / ".env").write_text("FINNHUB_API_KEY=from-dotenv\n")
    assert read_settings({}, root).finnhub_api_key == Secret("from-dotenv")

    environ = {"FINNHUB_API_KEY": " from-environment "}
    assert read_settings(environ, root).finnhub_api_key == Secret("from-environment")


@pytest.mark.parametrize("text", ['{"finnhub": 5}', '["finnhub"]', "{"])
def test_a_file_of_keys_that_cannot_be_read_is_refused(root: Path, text: str) -> None:
    path = root / "config" / "api_keys.json"
    path.write_text(text)

    sentence = refusal(root, {})

    assert sentence.startswith(f'{path} cannot be read as {{"provider": "key"}}')
    assert sentence.endswith("write it as config/api_keys.example.json shows.")


def test_a_key_of_an_unknown_provider_is_refused_and_not_told(root: Path) -> None:
    path = root / "config" / "api_keys.json"
    path.write_text('{"finhub": "abc123"}')

    assert refusal(root, {}) == f"finhub in {path} is no setting: did you mean finnhub?"


def test_the_example_of_the_file_of_keys_holds_no_key(root: Path) -> None:
    example = PROJECT_ROOT / "config" / "api_keys.example.json"
    (root / "config" / "api_keys.json").write_bytes(example.read_bytes())

    assert not read_settings({}, root).finnhub_api_key


def test_no_secret_shows_in_the_settings(root: Path) -> None:
    settings = read_settings(
        {"FINNHUB_API_KEY": "key-1", "TAPEDECK_GATEWAY__TOKEN": "token-2"}, root
    )

    assert settings.secrets == ("key-1", "token-2")
    assert "key-1" not in f"{settings} {settings!r}"
    assert "token-2" not in f"{settings} {settings!r}"
    with pytest.raises(TypeError):
        msgspec.json.encode(settings.gateway.token)


@pytest.mark.guarantee("strangers")
@pytest.mark.parametrize("url", ["", "tcp://127.0.0.1:1", "tcp://localhost:65533"])
def test_the_bus_stays_on_this_machine(root: Path, url: str) -> None:
    assert read_settings({"TAPEDECK_BUS__URL": url, **TOKEN}, root).bus.url == url


@pytest.mark.guarantee("strangers")
@pytest.mark.parametrize(
    "url",
    [
        "tcp://0.0.0.0:5550",
        "tcp://192.168.1.5:5550",
        "tcp://*:5550",
        "tcp://[::]:1",
        "tcp://deck:1",
    ],
)
def test_a_bus_that_others_could_reach_is_refused(root: Path, url: str) -> None:
    assert refusal(root, {"TAPEDECK_BUS__URL": url, **TOKEN}) == (
        f"bus.url is '{url}', which other machines could reach, and ZeroMQ stays on this one:"
        " use nats:// or the HTTP API."
    )


@pytest.mark.guarantee("strangers")
@pytest.mark.parametrize("host", ["[::1]", "127.8.8.8"])
def test_a_bus_on_another_address_of_this_machine_is_refused(root: Path, host: str) -> None:
    assert refusal(root, {"TAPEDECK_BUS__URL": f"tcp://{host}:5550", **TOKEN}) == (
        f"bus.url is 'tcp://{host}:5550', but ZeroMQ is on 127.0.0.1 alone:"
        " write tcp://127.0.0.1:5550."
    )


@pytest.mark.guarantee("strangers")
@pytest.mark.parametrize("token", ["", "fifteen letters"])
def test_a_bus_that_every_user_can_reach_needs_a_long_token(root: Path, token: str) -> None:
    environ = {"TAPEDECK_BUS__URL": "tcp://127.0.0.1:5550", "TAPEDECK_GATEWAY__TOKEN": token}

    assert refusal(root, environ) == (
        "bus.url is 'tcp://127.0.0.1:5550', which every user of this machine can reach: set"
        " TAPEDECK_GATEWAY__TOKEN to a long random word (16 characters or more),"
        " or leave bus.url empty."
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:80",
        "tcp://127.0.0.1",
        "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:65534",
        "tcp://127.0.0.1:5550/x",
        "tcp://me@127.0.0.1:5550",
        "tcp://[",
        "ipc:///x",
    ],
)
def test_a_bus_url_of_another_kind_is_refused(root: Path, url: str) -> None:
    assert refusal(root, {"TAPEDECK_BUS__URL": url}) == (
        f"bus.url is '{url}', but must be empty (unix sockets under TAPEDECK_HOME)"
        " or like tcp://127.0.0.1:5550."
    )


def test_nats_is_refused_until_there_is_a_transport_for_it(root: Path) -> None:
    assert refusal(root, {"TAPEDECK_BUS__URL": "nats://10.0.0.1:4222"}) == (
        "bus.url is 'nats://10.0.0.1:4222', but this version has no NATS transport: leave it empty."
    )


def test_the_longest_home_whose_sockets_fit_is_taken_and_one_byte_more_refused(root: Path) -> None:
    longest = "/" + "h" * (107 - len("//run/control"))

    assert str(read_settings({"TAPEDECK_HOME": longest}, root).home) == longest
    assert refusal(root, {"TAPEDECK_HOME": f"{longest}h"}) == (
        f"TAPEDECK_HOME is {longest}h, whose sockets would have paths of 108 bytes, and"
        " the system's limit is 107: choose a shorter TAPEDECK_HOME."
    )


def test_a_long_home_is_fine_where_no_unix_socket_is_made(root: Path) -> None:
    home = "/" + "h" * 200

    settings = read_settings(
        {"TAPEDECK_HOME": home, "TAPEDECK_BUS__URL": "tcp://127.0.0.1:5550", **TOKEN}, root
    )

    assert str(settings.home) == home


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "deck.local"])
def test_an_open_host_needs_a_token(root: Path, host: str) -> None:
    assert refusal(root, {"TAPEDECK_GATEWAY__HOST": host}) == (
        f"gateway.host is '{host}', which opens the deck to other machines without a token:"
        " set TAPEDECK_GATEWAY__TOKEN, or go back to 127.0.0.1."
    )
    with_token = {"TAPEDECK_GATEWAY__HOST": host, "TAPEDECK_GATEWAY__TOKEN": "long-and-random"}
    assert read_settings(with_token, root).gateway.host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_a_loopback_host_needs_no_token(root: Path, host: str) -> None:
    assert read_settings({"TAPEDECK_GATEWAY__HOST": host}, root).gateway.host == host


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        (
            {"TAPEDECK_FETCHER__SOURCES": ","},
            "fetcher.sources is empty: name at least one of finnhub, yahoo, files, simulated.",
        ),
        (
            {"TAPEDECK_INDICATORS__MACD_FAST": "26"},
            "indicators.macd_fast is 26 and indicators.macd_slow is 26:"
            " macd_fast must be the smaller one.",
        ),
        (
            {
                f"TAPEDECK_ANALYZER__{name}_WEIGHT": "0"
                for name in ("TECHNICAL", "MARKET", "SENTIMENT", "VOLUME", "SEASONALITY")
            },
            "Every weight of [analyzer] is 0, so nothing could be decided:"
            " give one of them weight.",
        ),
    ],
)
def test_values_that_cannot_stand_together_are_refused(
    root: Path, environ: Mapping[str, str], sentence: str
) -> None:
    assert refusal(root, environ) == sentence


@given(st.integers(1, 65_535))
def test_every_port_reads_back_as_it_was_written(port: int) -> None:
    settings = read_settings({"TAPEDECK_GATEWAY__PORT": str(port)}, Path("/nowhere"))

    assert settings.gateway.port == port


@given(
    st.text(), st.sampled_from(["FETCHER__INTERVAL_SECONDS", "LOG__LEVEL", "CACHE__TTL_SECONDS"])
)
def test_any_text_is_taken_within_bounds_or_refused_by_name(text: str, name: str) -> None:
    said = ""
    settings = Settings(home=Path())
    try:
        settings = read_settings({f"TAPEDECK_{name}": text}, Path("/nowhere"))
    except SettingsError as refused:
        said = str(refused)

    assert said == "" or said.startswith(f"TAPEDECK_{name} in the environment is ")
    assert 1 <= settings.fetcher.interval_seconds <= 86_400
    assert 1 <= settings.cache.ttl_seconds <= 86_400
    assert settings.log.level in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}


@pytest.mark.guarantee("strangers")
def test_the_home_is_made_with_a_room_for_sockets_that_only_its_owner_enters(root: Path) -> None:
    settings = read_settings({}, root)

    prepare_home(settings)
    prepare_home(settings)

    made: dict[str, Any] = {path.name: path.is_dir() for path in settings.home.iterdir()}
    assert made == {"logs": True, "run": True, "state": True}
    assert settings.run_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.guarantee("strangers")
def test_a_room_for_sockets_that_others_may_enter_is_closed_to_them_at_the_start(
    root: Path,
) -> None:
    settings = read_settings({}, root)
    settings.run_dir.mkdir(parents=True)
    settings.run_dir.chmod(0o777)

    prepare_home(settings)

    assert settings.run_dir.stat().st_mode & 0o777 == 0o700


@pytest.mark.guarantee("strangers")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_room_for_sockets_of_somebody_elses_is_refused(root: Path) -> None:
    settings = read_settings({}, root)
    settings.run_dir.mkdir(parents=True)
    os.chown(settings.run_dir, 65_534, 65_534)

    with pytest.raises(SettingsError) as refused:
        prepare_home(settings)

    assert str(refused.value) == (
        f"{settings.run_dir} belongs to somebody else, who could pose as the deck on its sockets:"
        " remove it, or choose a TAPEDECK_HOME of your own."
    )


def test_a_home_that_cannot_be_made_is_refused(root: Path) -> None:
    (root / "taken").write_text("a file, not a folder")
    settings = read_settings({"TAPEDECK_HOME": "taken"}, root)

    with pytest.raises(SettingsError) as refused:
        prepare_home(settings)

    assert str(refused.value).startswith(
        f"TAPEDECK_HOME is {root / 'taken'}, which cannot be written ("
    )
