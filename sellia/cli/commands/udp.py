"""``sellia udp``: a tunnel for datagrams to one port, in the foreground."""

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
@tunnel_flags("udp")
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
    """Open a tunnel for UDP datagrams to a local service.

    TARGET is the port that the service listens on, or its address, as in 53 or 192.168.1.5:51820. Visitors send to a
    port of the server, which stays the same as long as nobody else is given it.

    Ends with Ctrl-C: once to let what is under way come to its end, twice to end at once.
    """
    tunnel = {"target": target, "kind": "udp" if target is not None else None}
    read = partial(settings_of, "udp", given, config, tunnel)
    try:
        sys.exit(run_client(read(), display, persistence(no_retry, connect_timeout), command="sellia udp", read=read))
    except SettingsError as error:
        raise WrongSettings(str(error)) from None
