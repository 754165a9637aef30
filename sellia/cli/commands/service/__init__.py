"""``sellia service``: the tunnels of the settings file as a service of systemd, a module for each command."""

from typing import Final

import click

from sellia.cli.group import LazyGroup

#: The name of each command and its line of help, in the order in which they are shown.
COMMANDS: Final = {
    "install": "Install a unit that runs sellia start --all, and start it.",
    "uninstall": "Stop the unit, and remove it.",
    "status": "Show whether the unit runs.",
    "logs": "Show what the unit has logged.",
}


@click.group(cls=LazyGroup, table=COMMANDS, package=__name__)
def command() -> None:
    """Run the tunnels of the settings file as a service of systemd.

    For this user by default, and with --system for the machine, which takes root.
    """
