"""Asks, once, whether tunnels may go through the server that the settings file of a project names."""

import os
import sys

import click

from sellia.cli.texts import safe
from sellia.client.settings import UnknownServer
from sellia.client.settings.consent import Consents


def ask_for_consent(error: UnknownServer) -> bool:
    """Ask on the terminal, and note a yes; without a terminal, or by default, the answer is no.

    A client that runs, and reads its settings again, does not ask.  Raises SettingsError where a yes cannot be noted.
    """
    running = getattr(sys.modules.get("twisted.internet.reactor"), "running", False)
    if running or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    click.echo(
        f"{safe(error.file)}\nwants the tunnels of this project to go through {safe(error.server)}.\n"
        "You have no key stored for that server. Whoever runs it sees all that passes.",
        err=True,
    )
    if not click.confirm("Go through it, now and from now on?", default=False, err=True):
        return False
    Consents.of(os.environ).add(error.file, error.server)
    return True
