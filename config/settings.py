"""The settings: every name, its default and its bounds, read once at the start and then frozen."""

from __future__ import annotations

import ipaddress
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, structs

from config.reading import (
    Secret,
    SettingsError,
    Values,
    api_keys,
    build_sections,
    dotenv_variables,
    known_names,
    toml_values,
    variable_values,
)

__all__ = ["PROJECT_ROOT", "Secret", "Settings", "SettingsError", "prepare_home", "read_settings"]

PROJECT_ROOT = Path(__file__).resolve().parents[1]

# sun_path holds 108 bytes with its closing zero (unix(7)), so a path ends at 107.
# No socket in run/ has a longer name than `control`.
_IPC_PATH_BYTES_MAX = 107
_IPC_NAME_BYTES_MAX = len("/control")

# The tape and control take the two ports after the bus's.
_BUS_PORT_MAX = 65_533
# The keys of the TCP sockets follow from the token: a short one could be guessed at leisure.
_TOKEN_LENGTH_MIN = 16

_PLAIN_NAMES = ("TAPEDECK_HOME", "TAPEDECK_CONFIG", "FINNHUB_API_KEY")

# Each is a module of services/fetcher/sources, and this the one place where it is entered.
Source = Literal["finnhub", "yahoo", "files", "simulated"]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
Percent = Annotated[float, Meta(ge=0.01, le=100)]
Weight = Annotated[float, Meta(ge=0, le=1)]
Period = Annotated[int, Meta(ge=2, le=1000)]


class BusSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where messages travel: unix sockets under the home (an empty `url`), or loopback TCP."""

    url: str = ""
    drain_seconds: Annotated[float, Meta(ge=0.1, le=3.5)] = 3.0


class SupervisorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how soon a fallen process is started again, before the deck gives up loudly."""

    restarts: Annotated[int, Meta(ge=0, le=1000)] = 20
    window_seconds: Annotated[float, Meta(ge=1, le=3600)] = 60.0
    backoff_seconds: Annotated[float, Meta(ge=0.01, le=60)] = 0.2
    backoff_max_seconds: Annotated[float, Meta(ge=0.01, le=300)] = 2.0


class FetcherSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the collector asks, how often, and for which symbols besides SPY and QQQ."""

    sources: Annotated[tuple[Source, ...], Meta(max_length=10)] = ("finnhub", "yahoo", "simulated")
    interval_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 300
    news_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 3_600
    market_status_seconds: Annotated[int, Meta(ge=0, le=3_600)] = 300
    auto_start: bool = True
    watchlist: Annotated[tuple[str, ...], Meta(max_length=500)] = ()
    extended_symbols: bool = False
    finnhub_per_minute: Annotated[int, Meta(ge=1, le=300)] = 60
    streaming: bool = True
    raw_days: Annotated[int, Meta(ge=0, le=3650)] = 7
    raw_megabytes: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    files_folder: str = ""
    files_zone: str = ""
    simulated_seed: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 7


class CacheSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How long what is known of a ticker counts as fresh."""

    ttl_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 300


class AnalyzerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision weighs and risks; put on the tape whenever it changes."""

    technical_weight: Weight = 0.35
    market_weight: Weight = 0.20
    sentiment_weight: Weight = 0.15
    volume_weight: Weight = 0.15
    seasonality_weight: Weight = 0.15
    minimum_present_weight: Weight = 0.5
    buy_above: Annotated[float, Meta(ge=50, le=100)] = 60.0
    sell_below: Annotated[float, Meta(ge=0, le=50)] = 40.0
    minimum_r_r: Annotated[float, Meta(ge=0, le=100)] = 1.2
    equity: Annotated[float, Meta(ge=1, le=1e12)] = 100_000.0
    risk_percent: Percent = 1.0
    max_position_percent: Percent = 20.0
    slippage_basis_points: Annotated[float, Meta(ge=0, le=1000)] = 5.0
    commission_per_share: Annotated[float, Meta(ge=0, le=100)] = 0.0


class IndicatorsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The periods of the indicators, in bars; put on the tape whenever they change."""

    rsi_period: Period = 14
    macd_fast: Period = 12
    macd_slow: Period = 26
    macd_signal: Period = 9
    atr_period: Period = 14


class GatewaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the page and the HTTP API are, and the token that opens them to other machines."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65_535)] = 8321
    token: Secret = Secret()


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is written to the log files, what reaches the terminal, and how long files are kept."""

    level: Level = "INFO"
    terminal_level: Level = "WARNING"
    days_kept: Annotated[int, Meta(ge=1, le=3650)] = 14


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a person sets, and the paths that follow from `home`, the folder of all data."""

    home: Path
    finnhub_api_key: Secret = Secret()
    bus: BusSettings = BusSettings()
    supervisor: SupervisorSettings = SupervisorSettings()
    fetcher: FetcherSettings = FetcherSettings()
    cache: CacheSettings = CacheSettings()
    analyzer: AnalyzerSettings = AnalyzerSettings()
    indicators: IndicatorsSettings = IndicatorsSettings()
    gateway: GatewaySettings = GatewaySettings()
    log: LogSettings = LogSettings()

    @property
    def run_dir(self) -> Path:
        """The folder of the sockets and the lock; nobody else may enter it (0700)."""
        return self.home / "run"

    @property
    def logs_dir(self) -> Path:
        """The folder of the log files."""
        return self.home / "logs"

    @property
    def state_dir(self) -> Path:
        """The folder of projections and snapshots, which can be built again from the tape."""
        return self.home / "state"

    @property
    def files_folder(self) -> Path | None:
        """The operator's own folder of bars, None where none is set."""
        folder = self.fetcher.files_folder
        return PROJECT_ROOT / Path(folder).expanduser() if folder else None

    @property
    def raw_dir(self) -> Path:
        """The folder of the providers' raw answers, a file a day."""
        return self.home / "raw"

    @property
    def tape_path(self) -> Path:
        """The tape's file."""
        return self.home / "tape.db"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret there is, revealed, for the log's mask."""
        return tuple(s.reveal() for s in (self.finnhub_api_key, self.gateway.token) if s)


_SECTIONS: dict[str, type[msgspec.Struct]] = {
    field.name: field.type
    for field in structs.fields(Settings)
    if isinstance(field.default, msgspec.Struct)
}


def read_settings(environ: Mapping[str, str], root: Path = PROJECT_ROOT) -> Settings:
    """Read all settings once: defaults, then TOML, then `.env`, then the environment wins.

    `config/tapedeck.toml` under `root` holds the defaults; `tapedeck.toml` in the home, or the
    file that TAPEDECK_CONFIG names, outranks them. Relative paths start at `root`, wherever the
    command is typed. Nothing is written and no variable is set.

    Raises:
        SettingsError: one sentence that names the first wrong value and what to do.
    """
    in_file = dotenv_variables(root / ".env")
    variables = {**in_file, **{name: text for name, text in environ.items() if text}}
    home = _path(variables.get("TAPEDECK_HOME") or "data", root)
    known = known_names(_SECTIONS)
    values: Values = {}
    for path in _toml_files(variables.get("TAPEDECK_CONFIG", ""), home, root):
        values |= toml_values(path, known)
    values |= variable_values(in_file, str(root / ".env"), known, _PLAIN_NAMES)
    values |= variable_values(environ, "the environment", known, _PLAIN_NAMES)
    settings = Settings(
        home=home,
        finnhub_api_key=_finnhub_api_key(variables, root),
        **build_sections(_SECTIONS, values),
    )
    _check(settings)
    return settings


def prepare_home(settings: Settings) -> None:
    """Make the home and its folders, the sockets' one for the owner alone.

    Raises:
        SettingsError: if a folder cannot be made or written, or the sockets' one is another's.
    """
    run_dir = settings.run_dir
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        run_dir.mkdir(mode=0o700, exist_ok=True)
        if run_dir.stat().st_uid != os.geteuid():
            raise SettingsError(
                f"{run_dir} belongs to somebody else, who could pose as the deck on its sockets:"
                " remove it, or choose a TAPEDECK_HOME of your own."
            )
        run_dir.chmod(0o700)
        for folder in (settings.home, run_dir, settings.logs_dir, settings.state_dir):
            folder.mkdir(exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise SettingsError(
            f"TAPEDECK_HOME is {settings.home}, which cannot be written ({error}):"
            " choose a folder of your own, or give yourself the right to write there."
        ) from error


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches `host`."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _path(text: str, root: Path) -> Path:
    return root / Path(text).expanduser()


def _toml_files(named: str, home: Path, root: Path) -> list[Path]:
    defaults, own = root / "config" / "tapedeck.toml", home / "tapedeck.toml"
    files = [path for path in (defaults, own) if path.exists()]
    if not named:
        return files
    chosen = _path(named, root)
    if not chosen.is_file():
        raise SettingsError(
            f"TAPEDECK_CONFIG is {named}, and there is no such file: correct it, or remove it."
        )
    return [path for path in files if path != own] + [chosen]


def _finnhub_api_key(variables: Mapping[str, str], root: Path) -> Secret:
    in_file = api_keys(root / "config" / "api_keys.json", ["finnhub"]).get("finnhub", Secret())
    return Secret(variables.get("FINNHUB_API_KEY", "").strip()) or in_file


def _check(settings: Settings) -> None:
    for rule in _RULES:
        if fault := rule(settings):
            raise SettingsError(fault)


def _bus_url_fault(settings: Settings) -> str:
    url = settings.bus.url
    if not url:
        return ""
    if url.startswith("nats://"):
        return f"bus.url is {url!r}, but this version has no NATS transport: leave it empty."
    match = re.fullmatch(r"tcp://([^/?#@\s]+):([0-9]{1,5})", url)
    if match is None or not 1 <= int(match[2]) <= _BUS_PORT_MAX:
        return (
            f"bus.url is {url!r}, but must be empty (unix sockets under TAPEDECK_HOME)"
            " or like tcp://127.0.0.1:5550."
        )
    if match[1] in ("127.0.0.1", "localhost"):
        return ""
    if is_loopback(match[1].strip("[]")):
        return f"bus.url is {url!r}, but ZeroMQ is on 127.0.0.1 alone: write tcp://127.0.0.1:5550."
    return (
        f"bus.url is {url!r}, which other machines could reach, and ZeroMQ stays on this one:"
        " use nats:// or the HTTP API."
    )


def _bus_token_fault(settings: Settings) -> str:
    if not settings.bus.url or len(settings.gateway.token.reveal()) >= _TOKEN_LENGTH_MIN:
        return ""
    return (
        f"bus.url is {settings.bus.url!r}, which every user of this machine can reach: set"
        f" TAPEDECK_GATEWAY__TOKEN to a long random word ({_TOKEN_LENGTH_MIN} characters or more),"
        " or leave bus.url empty."
    )


def _ipc_path_fault(settings: Settings) -> str:
    length = len(os.fsencode(settings.run_dir)) + _IPC_NAME_BYTES_MAX
    if settings.bus.url or length <= _IPC_PATH_BYTES_MAX:
        return ""
    return (
        f"TAPEDECK_HOME is {settings.home}, whose sockets would have paths of {length} bytes, and"
        f" the system's limit is {_IPC_PATH_BYTES_MAX}: choose a shorter TAPEDECK_HOME."
    )


def _exposure_fault(settings: Settings) -> str:
    gateway = settings.gateway
    if is_loopback(gateway.host) or gateway.token:
        return ""
    return (
        f"gateway.host is {gateway.host!r}, which opens the deck to other machines without a token:"
        " set TAPEDECK_GATEWAY__TOKEN, or go back to 127.0.0.1."
    )


def _fetcher_fault(settings: Settings) -> str:
    if settings.fetcher.sources:
        return ""
    return f"fetcher.sources is empty: name at least one of {', '.join(get_args(Source))}."


def _files_zone_fault(settings: Settings) -> str:
    zone = settings.fetcher.files_zone
    try:
        ZoneInfo(zone or "UTC")
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return f"fetcher.files_zone is {zone!r}, but must be a zone like America/New_York."
    return ""


def _analyzer_fault(settings: Settings) -> str:
    weights = ("technical", "market", "sentiment", "volume", "seasonality")
    if any(getattr(settings.analyzer, f"{name}_weight") for name in weights):
        return ""
    return "Every weight of [analyzer] is 0, so nothing could be decided: give one of them weight."


def _indicators_fault(settings: Settings) -> str:
    fast, slow = settings.indicators.macd_fast, settings.indicators.macd_slow
    if fast < slow:
        return ""
    return (
        f"indicators.macd_fast is {fast} and indicators.macd_slow is {slow}:"
        " macd_fast must be the smaller one."
    )


_RULES = (
    _bus_url_fault,
    _bus_token_fault,
    _ipc_path_fault,
    _exposure_fault,
    _fetcher_fault,
    _files_zone_fault,
    _analyzer_fault,
    _indicators_fault,
)
