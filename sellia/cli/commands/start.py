"""``sellia start``: the tunnels that settings files describe, in one session."""

import os
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from sellia.cli.client import run_client
from sellia.cli.display import Display, display_options
from sellia.cli.persistence import persistence, persistence_options
from sellia.cli.texts import safe
from sellia.cli.tunnel_flags import WrongSettings, settings_of, tunnel_flags
from sellia.client.settings import ClientSettings, NoSuchTunnel, TunnelSettings, choose, choose_again, shown_routes
from sellia.errors import SettingsError

#: Characters of a column at most; what is longer moves the rest of its line.
_WIDTH: Final = 24


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="Open all tunnels.")
@tunnel_flags(None)
@persistence_options
@display_options
def command(
    names: tuple[str, ...],
    everything: bool,
    config: str | None,
    display: Display,
    no_retry: bool,
    connect_timeout: float | None,
    **given: Any,
) -> None:
    """Open the tunnels that a settings file describes.

    NAME is a tunnel of the file, sellia.yaml. Without one, all are listed, and those marked autostart are opened.

    Ends with Ctrl-C: once to let what is under way come to its end, twice to end at once.
    """
    if names and everything:
        raise click.UsageError("--all is all of them: leave out the names, or --all.")
    settings = settings_of(None, given, config, {})
    try:
        chosen = choose(settings, names, everything)
    except NoSuchTunnel as error:
        raise click.UsageError(str(error).replace("\nHint: ", ". ")) from None
    if not (names or everything or (chosen is not None and (display.as_json or display.quiet))):
        # Standard output has what the client says, if there will be one.
        click.echo(listing(settings), err=chosen is not None or display.as_json)
    if chosen is not None:

        def read() -> ClientSettings:
            return choose_again(settings_of(None, given, config, {}), names, everything)

        how = persistence(no_retry, connect_timeout)
        try:
            sys.exit(run_client(chosen, display, how, command="sellia start", read=read))
        except SettingsError as error:
            raise WrongSettings(str(error)) from None


def listing(settings: ClientSettings) -> str:
    """Return the tunnels of the files as lines for people, and what to type next."""
    tunnels = settings.tunnels
    names = _column([each.name for each in tunnels])
    public = _column([_asked_for(each) for each in tunnels])
    lines = [f"Tunnels in {', '.join(map(_shown_path, settings.files))}:"]
    for name, asked, each in zip(names, public, tunnels, strict=True):
        lines.append(f"{'*' if each.autostart else ' '} {name}  {asked}  {safe(shown_routes(each.routes))}")
    example = next((each.name for each in tunnels if not each.autostart), tunnels[0].name)
    told = "Those with * open now. " if any(each.autostart for each in tunnels) else ""
    return "\n".join([*lines, f"{told}`sellia start {example}` opens one, `sellia start --all` all of them."])


def _asked_for(tunnel: TunnelSettings) -> str:
    """Return the public name or port that a tunnel asks for."""
    return tunnel.wanted or "any name" if tunnel.kind == "http" else f"port {tunnel.wanted or 'any'}"


def _column(texts: Sequence[str]) -> list[str]:
    width = min(_WIDTH, max(map(len, texts)))
    return [f"{safe(text):{width}}" for text in texts]


def _shown_path(path: str) -> str:
    """Return a path as it is shortest for whoever is in this directory."""
    near = os.path.relpath(path)
    return safe(path if near.startswith("..") else near)
