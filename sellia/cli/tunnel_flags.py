"""Flags of the commands that run a client, made of the settings, and the settings made of the flags."""

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import click

from sellia.cli.consent import ask_for_consent
from sellia.cli.exits import Exit
from sellia.client.settings import ClientSettings, TunnelSettings, UnknownServer, load_here
from sellia.client.settings.inspector import InspectorSettings
from sellia.client.settings.kinds import has_flag
from sellia.client.settings.old import OLD
from sellia.errors import SettingsError
from sellia.options import values_of
from sellia.settings import CONFIG, Flag, flags_of

#: Flags with a short form.
_SHORT: Final = {"subdomain": "-s"}

#: Settings of a tunnel that no command has a flag for: an argument, the command itself, or the file's alone.
_NO_FLAGS: Final = frozenset(("target", "port", "kind", "autostart"))


class WrongSettings(click.ClickException):
    """The settings cannot be used; nothing was started."""

    exit_code = Exit.SETTINGS


def flags_for(kind: str | None) -> tuple[Flag, ...]:
    """Return the flags of the command for tunnels of a kind, or of one whose tunnels a file describes."""
    own = [] if kind is None else [each for each in flags_of(TunnelSettings) if each.setting not in _NO_FLAGS]
    of_client = sorted(flags_of(ClientSettings), key=lambda each: each.setting in InspectorSettings.model_fields)
    return (*(each for each in own if has_flag(kind or "", each.setting)), *of_client)


def tunnel_flags(kind: str | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what gives a command the flags of tunnels of a kind, and ``--config``."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        about = f"{CONFIG.help[:-1]}; it can describe many tunnels."
        command = click.option(f"--{CONFIG.name}", metavar=CONFIG.metavar, help=about)(command)
        for each in reversed(flags_for(kind)):
            names = [f"--{each.name}", *([_SHORT[each.name]] if each.name in _SHORT else [])]
            more: dict[str, Any] = {"metavar": each.metavar} if each.metavar else {"is_flag": True}
            more["hidden"] = each.setting in OLD
            command = click.option(*names, help=each.help, multiple=each.repeated, **more)(command)
        return command

    return decorate


def settings_of(
    kind: str | None, given: Mapping[str, object], config: str | None, tunnel: Mapping[str, object]
) -> ClientSettings:
    """Return the settings that the flags, and ``tunnel``, give a client.  Raises `WrongSettings`."""

    def value_of(name: str) -> object:
        value = given[name.replace("-", "_")]
        return None if value == () else value

    flags = values_of(flags_for(kind), value_of)
    try:
        try:
            return load_here({**flags, **tunnel}, os.environ, config)
        except UnknownServer as error:
            if not ask_for_consent(error):
                raise
            return load_here({**flags, **tunnel}, os.environ, config)
    except SettingsError as error:
        # Here the target is no flag.
        raise WrongSettings(
            re.sub(r"^--(target|port|paths\b[^:\s]*):", "TARGET:", str(error), flags=re.MULTILINE)
        ) from None
