"""``sellia service uninstall``."""

import os

import click

from sellia.cli.systemd import ServiceFailure, installed, scope_options, systemctl
from sellia.cli.units import UNIT


@click.command()
@scope_options
def command(system: bool) -> None:
    """Stop the unit, and remove it.

    Settings and keys stay.
    """
    path = installed(system)
    systemctl(system, "disable", "--now", UNIT)
    try:
        os.unlink(path)
    except OSError as error:
        raise ServiceFailure(f"Cannot remove {path}: {error.strerror}.") from None
    systemctl(system, "daemon-reload")
    click.echo(f"Removed {path}.")
