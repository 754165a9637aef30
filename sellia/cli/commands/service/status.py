"""``sellia service status``."""

import click

from sellia.cli.systemd import hand_over, installed, scope_options
from sellia.cli.units import UNIT


@click.command()
@scope_options
def command(system: bool) -> None:
    """Show whether the unit runs.

    What systemd says of it, and with its status: 0 runs, 3 does not.
    """
    installed(system)
    hand_over(["systemctl", *([] if system else ["--user"]), "status", "--no-pager", UNIT])
