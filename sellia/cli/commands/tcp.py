"""``sellia tcp``: a tunnel for connections to one port, in the foreground."""

import sys
from functools import partial

import click

from sellia.cli.client import run_client
from sellia.cli.display import Display, display_options
from sellia.cli.persistence import persistence, persistence_options
from sellia.cli.tunnel_flags import WrongSettings, settings_of, tunnel_flags
from sellia.errors import SettingsError


@click.command()
@click.argument("target", required=False)
@tunnel_flags("tcp")
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
    """Open a tunnel for TCP connections to a local service.

    TARGET is the port that the service listens on, or its address, as in 5432, 192.168.1.5:22 or unix:/run/app.sock.
    Visitors connect to a port of the server, which stays the same as long as nobody else is given it.

    Ends with Ctrl-C: once to let what is under way come to its end, twice to end at once.
    """
    tunnel = {"target": target, "kind": "tcp" if target is not None else None}
    read = partial(settings_of, "tcp", given, config, tunnel)
    try:
        sys.exit(run_client(read(), display, persistence(no_retry, connect_timeout), command="sellia tcp", read=read))
    except SettingsError as error:
        raise WrongSettings(str(error)) from None
