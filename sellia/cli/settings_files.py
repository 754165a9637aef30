"""What the commands of ``sellia config`` have in common: whose settings, and which file instead of those found."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from sellia.cli.word import Word

if TYPE_CHECKING:
    from sellia.errors import SettingsError
    from sellia.settings import Examined

#: Whose settings a command is about.
ROLES: Final = ("client", "server")


def of_role(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option that says whose settings it is about, as ``role``."""
    text = "Whose settings: those of sellia http and start, or those of sellia server.  [default: client]"
    return click.option("--for", "role", type=Word("role", ROLES), default="client", help=text)(command)


def config_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--config``."""
    text = "Settings file that is read instead of those of the project, the user and the system."
    return click.option("--config", metavar="FILE", help=text)(command)


def profile_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--profile``."""
    return click.option("--profile", metavar="NAME", help="Profile that counts; only of a client.")(command)


def examine(role: str, config: str | None, profile: str | None = None) -> "Examined":
    """Return what the settings of a role come to, as a command that is given no other flags would find them."""
    if role == "server":
        from sellia.server.settings import examine as examine_server
        from sellia.settings import SERVER, standing_files

        if profile is not None:
            raise click.UsageError("--profile is for a client's settings: a server has no profiles.")
        return examine_server({}, os.environ, config, standing_files(SERVER, os.environ))
    from sellia.client.settings import examine_here

    return examine_here({"profile": profile}, os.environ, config)


def schema(role: str) -> dict[str, Any]:
    """Return the JSON Schema of the settings file of a role."""
    from sellia.settings import schema_of

    if role == "server":
        from sellia.server.settings import ServerSettings

        return schema_of(ServerSettings, "Settings of a Sellia server")
    from sellia.client.settings import ClientSettings

    return schema_of(ClientSettings, "Settings of a Sellia client")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault for programs."""

    file: str | None
    line: int | None
    column: int | None
    message: str
    hint: str

    @classmethod
    def of(cls, error: "SettingsError") -> "Fault":
        file, line, column = error.at
        return cls(file or None, line or None, column or None, error.line, error.hint)


def coloured(environment: Mapping[str, str]) -> bool | None:
    """Return whether to use colours, or None for click to find out whether there is a terminal."""
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return True if environment.get("FORCE_COLOR") else None


def tell(found: "Examined") -> None:
    """Show cautions and faults on standard error, with the line of the file that each fault is about."""
    from sellia.errors import FAULTS_SHOWN

    colour = coloured(os.environ)
    for caution in found.cautions:
        click.secho(caution, err=True, fg="yellow", color=colour)
    for fault in found.faults[:FAULTS_SHOWN]:
        click.secho(fault.line, err=True, fg="red", color=colour)
        if fault.hint:
            click.echo(f"    {fault.hint}", err=True)
    more = len(found.faults) - FAULTS_SHOWN
    if more > 0:
        click.echo(f"and {more} more", err=True)
