"""``sellia http``: a client in the foreground, which prints what visitors do."""

from collections.abc import Sequence

import click

from sellia.cli.display import Display, display_options
from sellia.cli.one_target import open_tunnel
from sellia.cli.persistence import persistence_options
from sellia.cli.tunnel_flags import WrongSettings, tunnel_flags
from sellia.targets import TargetError, split_routes


@click.command()
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@tunnel_flags("http")
@persistence_options
@display_options
def command(
    config: str | None,
    targets: tuple[str, ...],
    display: Display,
    no_retry: bool,
    connect_timeout: float | None,
    **given: object,
) -> None:
    """Open an HTTP and WebSocket tunnel to a local service.

    TARGET is the port that your service listens on, its address (192.168.1.5:80, https://localhost:8443,
    unix:/run/app.sock), a directory or file to serve (./dist), or text:hello. Several, each with a path, share one
    name: /=5173 /api=8000.

    Ends with Ctrl-C: once to let what is under way come to its end, twice to end at once.
    """
    open_tunnel("http", _routes(targets), config, display, no_retry, connect_timeout, given)


def _routes(targets: Sequence[str]) -> dict[str, object]:
    """Return the settings that the arguments stand for.  Raises `WrongSettings`."""
    try:
        routes = split_routes(targets)
    except TargetError as error:
        raise WrongSettings(f"TARGET: {error}\n{error.hint}") from None
    return {"paths" if isinstance(routes, dict) else "target": routes}
