"""``sellia http``: a client in the foreground, which prints what visitors do."""

import sys

import click

from sellia.cli.client import run_client
from sellia.cli.display import Display, display_options
from sellia.cli.persistence import persistence, persistence_options
from sellia.cli.tunnel_flags import WrongSettings, settings_of, tunnel_flags
from sellia.errors import SettingsError


@click.command()
@click.argument("target", required=False)
@tunnel_flags("http")
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
    """Open an HTTP and WebSocket tunnel to a local service.

    TARGET is the port that the service listens on, or its address, as in https://localhost:8443 or 192.168.1.5:80.

    Ends with Ctrl-C: once to let what is under way come to its end, twice to end at once.
    """
    settings = settings_of("http", given, config, {"target": target})
    try:
        sys.exit(run_client(settings, display, persistence(no_retry, connect_timeout)))
    except SettingsError as error:
        raise WrongSettings(str(error)) from None
