"""``sellia service logs``."""

import click

from sellia.cli.systemd import hand_over, installed, scope_options
from sellia.cli.units import UNIT


@click.command()
@scope_options
@click.option("-f", "--follow", is_flag=True, help="Go on, and show what comes.")
@click.option("-n", "--lines", type=click.IntRange(0), default=100, help="Lines to show.  [default: 100]")
def command(system: bool, follow: bool, lines: int) -> None:
    """Show what the unit has logged.

    It is in the journal of systemd, which keeps it for longer.
    """
    installed(system)
    scope = ["--unit"] if system else ["--user-unit"]
    hand_over(["journalctl", "--no-pager", *(["--follow"] if follow else []), f"--lines={lines}", *scope, UNIT])
