"""Commands that open one tunnel: of a kind, to a target that is their argument."""

import os
import sys
from collections.abc import Mapping
from functools import partial
from typing import Final, NoReturn

import click

from sellia.cli.client import run_client
from sellia.cli.display import Display, display_options
from sellia.cli.persistence import persistence, persistence_options
from sellia.cli.texts import safe
from sellia.cli.tunnel_flags import WrongSettings, settings_of, tunnel_flags
from sellia.errors import SettingsError
from sellia.settings import CLIENT, standing_files

_ENDING: Final = "Ends with Ctrl-C: once to let what is under way come to its end, twice to end at once."


def open_tunnel(
    kind: str,
    tunnel: Mapping[str, object],
    config: str | None,
    display: Display,
    no_retry: bool,
    connect_timeout: float | None,
    given: Mapping[str, object],
) -> NoReturn:
    """Run the client of ``sellia KIND``, and end with its exit status.

    ``tunnel`` are the settings that its arguments stand for, and ``given`` its flags.  Raises `WrongSettings`.
    """
    if config is None and all(each is None for each in tunnel.values()):
        _refuse_without_target(kind)
    read = partial(settings_of, kind, given, config, tunnel)
    how = persistence(no_retry, connect_timeout)
    try:
        sys.exit(run_client(read(), display, how, command=f"sellia {kind}", read=read))
    except SettingsError as error:
        raise WrongSettings(str(error)) from None


def _refuse_without_target(kind: str) -> None:
    """Refuse to open whatever the settings files describe, which is what ``sellia start`` is for.

    Raises `WrongSettings` if there is such a file; without one, the settings say what is missing.
    """
    files = standing_files(CLIENT, os.environ)
    if files:
        path = os.path.relpath(files[-1].path)
        shown = safe(files[-1].path if path.startswith("..") else path)
        example = {"http": "8080", "tcp": "22", "udp": "53", "tls": "8443"}[kind]
        raise WrongSettings(
            "TARGET: it is not said what to expose\n"
            f"Hint: Give the port of your service, as in `sellia {kind} {example}`. "
            f"The tunnels of {shown} are listed and opened by `sellia start`."
        )


def one_target(kind: str, text: str) -> click.Command:
    """Return the command ``sellia KIND TARGET``, whose help is ``text`` and how it ends."""

    @click.command(help=f"{text}\n{_ENDING}")
    @click.argument("target", required=False)
    @tunnel_flags(kind)
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
        tunnel = {"target": target, "kind": kind if target is not None else None}
        open_tunnel(kind, tunnel, config, display, no_retry, connect_timeout, given)

    return command
