"""The command line: one command for each verb of the table, answered over the control socket.

Exit codes: 0 done; 1 refused, failed or no deck there; 2 a wrong command line; 3 answered, but with
simulated, stale or unready data. Whatever is heavy is imported when it is needed, so that
``--help`` comes at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

import click
import msgspec

from bus.actor import Refused
from bus.errors import BusError
from config.settings import Settings, SettingsError, read_settings
from services.gateway.arguments import read_arguments
from services.gateway.failures import Failure, failure_of
from services.gateway.parameters import Parameter, parameters
from services.gateway.place import sockets
from services.gateway.verb import INTERRUPTED, OK, USAGE, Verb, exit_code
from services.gateway.verbs import VERBS

_EPILOG = (
    "Exit codes: 0 done, 1 refused or no deck there, 2 wrong usage, "
    "3 answered with simulated, stale or unready data."
)
_WRONG_USAGE = ("bad_argument", "bad_instant")


class _InTheTablesOrder(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_InTheTablesOrder,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
def tapedeck() -> None:
    """Ask and command the deck. Start it with: make run."""


def _command(verb: Verb) -> click.Command:
    def callback(as_json: bool, **given: Any) -> None:
        arguments = {name: value for name, value in given.items() if value is not None}
        run = _run_here if verb.program else _ask_deck
        sys.exit(run(verb, arguments, as_json=as_json))

    return click.Command(
        verb.name,
        help=verb.help,
        short_help=verb.help,
        callback=callback,
        params=[*map(_parameter, parameters(verb.arguments)), _json_option()],
    )


def _parameter(parameter: Parameter) -> click.Parameter:
    kind: Any = click.Choice(parameter.choices) if parameter.choices else parameter.kind
    if parameter.positional:
        # click asks for a required argument only as long as it has no default, None included.
        optional: dict[str, Any] = {} if parameter.required else {"default": None}
        return click.Argument([parameter.name], required=parameter.required, type=kind, **optional)
    is_flag = parameter.kind is bool
    names = f"{parameter.flag}/--no{parameter.flag[1:]}" if parameter.default is True else ""
    return click.Option(
        [names or parameter.flag],
        type=None if is_flag else kind,
        is_flag=is_flag,
        default=None,
        help=parameter.words,
    )


def _json_option() -> click.Option:
    return click.Option(["--json", "as_json"], is_flag=True, help="print JSON, for programs")


def _ask_deck(verb: Verb, arguments: dict[str, Any], *, as_json: bool) -> int:
    from services.gateway.client import Client

    settings = _settings(verb, as_json=as_json)
    try:
        read_arguments(verb.arguments, arguments, texts=False)
        where = sockets(settings)
        with Client(where.control, where.token) as client:
            answer = client.call(verb.name, **arguments)
    except (Refused, BusError) as error:
        return _say_failure(verb, failure_of(error), as_json=as_json)
    click.echo(_json(answer) if as_json else verb.show(answer))
    return exit_code(verb, answer)


def _run_here(verb: Verb, arguments: dict[str, Any], *, as_json: bool) -> int:
    program: Callable[..., int] = import_module(f"services.gateway.{verb.program}").run
    try:
        wanted = read_arguments(verb.arguments, arguments, texts=False)
        return program(_settings(verb, as_json=as_json), wanted, as_json=as_json)
    except (Refused, BusError) as error:
        return _say_failure(verb, failure_of(error), as_json=as_json)
    except KeyboardInterrupt:
        return OK if verb.endless else INTERRUPTED


def _settings(verb: Verb, *, as_json: bool) -> Settings:
    try:
        return read_settings(os.environ)
    except SettingsError as error:
        sys.exit(_say_failure(verb, Failure("bad_settings", str(error)), as_json=as_json))


def _say_failure(verb: Verb, failure: Failure, *, as_json: bool) -> int:
    if as_json:
        click.echo(_json(failure.body()))
    else:
        remedy = f"\n{failure.remedy}" if failure.remedy else ""
        click.echo(f"{failure.message}{remedy}", err=True)
    return USAGE if failure.code in _WRONG_USAGE else verb.failed


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def main() -> NoReturn:
    """Run the command line of this process."""
    tapedeck(prog_name="tapedeck")
    raise AssertionError  # click has ended the process


for _verb in VERBS:
    tapedeck.add_command(_command(_verb))

if __name__ == "__main__":
    main()
