"""``sellia tls``: a tunnel through which TLS passes, in the foreground."""

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
@tunnel_flags("tls")
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
    """Open a tunnel that passes TLS through to a local service.

    TARGET is the port or the address of a service that does TLS itself, as in 8443 or 192.168.1.5:443. Visitors ask for
    the tunnel's name in their TLS, and the certificate is the service's. With --cert and --key, TLS ends at this
    client, and the service is sent what was in it.

    Ends with Ctrl-C: once to let what is under way come to its end, twice to end at once.
    """
    tunnel = {"target": target, "kind": "tls" if target is not None else None}
    read = partial(settings_of, "tls", given, config, tunnel)
    try:
        sys.exit(run_client(read(), display, persistence(no_retry, connect_timeout), command="sellia tls", read=read))
    except SettingsError as error:
        raise WrongSettings(str(error)) from None
