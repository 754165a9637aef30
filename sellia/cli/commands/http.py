"""``sellia http``: a client in the foreground, which prints what visitors do."""

import os
import re
import sys
from collections.abc import Callable
from typing import Any, Final

import click

from sellia.cli.client import run_client
from sellia.cli.display import Display, display_options
from sellia.cli.exits import Exit
from sellia.cli.persistence import persistence, persistence_options
from sellia.client.settings import ClientSettings, TunnelSettings, load_here
from sellia.client.settings.old import OLD
from sellia.errors import SettingsError
from sellia.options import values_of
from sellia.settings import CONFIG, flags_of

#: The flags of a tunnel in the foreground; its target is an argument.
_FLAGS: Final = tuple(
    each for each in flags_of(TunnelSettings, ClientSettings) if each.name not in ("target", "port", "autostart")
)

#: Flags with a short form.
_SHORT: Final = {"subdomain": "-s"}


class WrongSettings(click.ClickException):
    """The settings cannot be used; nothing was started."""

    exit_code = Exit.SETTINGS


def _settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags of the settings."""
    for each in reversed(_FLAGS):
        names = [f"--{each.name}", *([_SHORT[each.name]] if each.name in _SHORT else [])]
        kind: dict[str, Any] = {"metavar": each.metavar} if each.metavar else {"is_flag": True}
        kind["hidden"] = each.setting in OLD
        command = click.option(*names, help=each.help, **kind)(command)
    return command


@click.command()
@click.argument("target", required=False)
@_settings
@click.option(f"--{CONFIG.name}", metavar=CONFIG.metavar, help=f"{CONFIG.help[:-1]}; it can describe many tunnels.")
@persistence_options
@display_options
def command(
    config: str | None,
    target: str | None,
    display: Display,
    no_retry: bool,
    connect_timeout: float | None,
    **given: object,
) -> None:
    """Open an HTTP and WebSocket tunnel to a local service.

    TARGET is the port that the service listens on, or its address, as in https://localhost:8443 or 192.168.1.5:80.

    Ends with Ctrl-C: once to let what is under way come to its end, twice to end at once.
    """
    flags = values_of(_FLAGS, lambda name: given[name.replace("-", "_")])
    try:
        settings = load_here({**flags, "target": target}, os.environ, config)
    except SettingsError as error:
        # Here the target is no flag.
        raise WrongSettings(re.sub("^--(target|port):", "TARGET:", str(error))) from None
    try:
        sys.exit(run_client(settings, display, persistence(no_retry, connect_timeout)))
    except SettingsError as error:
        raise WrongSettings(str(error)) from None
