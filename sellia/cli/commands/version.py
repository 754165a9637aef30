"""``sellia version``."""

import json
import os
import platform
import sys
from importlib.metadata import version
from typing import Any

import click

import sellia
from sellia.cli.server_options import server_options


@click.command()
@click.option("--check-server", is_flag=True, help="Ask the server for its version as well, and whether the two fit.")
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(check_server: bool, as_json: bool, **flags: str | None) -> None:
    """Show the version, and what it runs on.

    With --check-server, ends with status 1 if client and server do not fit, 69 if the server cannot be asked.
    """
    client: dict[str, Any] = {
        "version": sellia.__version__,
        "twisted": version("Twisted"),
        "python": platform.python_version(),
    }
    if not as_json:
        click.echo("sellia {version} (Twisted {twisted}, Python {python})".format(**client))
    if check_server or any(flags.values()):
        from sellia.cli.server_choice import in_words

        sys.exit(in_words(lambda: _check(client, flags, as_json)))
    if as_json:
        click.echo(json.dumps({"client": client}))


def _check(client: dict[str, Any], flags: dict[str, str | None], as_json: bool) -> int:
    """Show what the server says of itself; return the exit status."""
    import msgspec

    from sellia.cli.exits import Exit
    from sellia.cli.http_calls import run
    from sellia.cli.server_api import ServerApi
    from sellia.cli.server_choice import the_server, way_of
    from sellia.cli.texts import safe
    from sellia.credentials import credentials
    from sellia.protocol.messages import SUBPROTOCOL, VERSION

    way = way_of(flags, os.environ)
    server = the_server(way, credentials(os.environ))
    report = run(lambda reactor: ServerApi(server, reactor, way.ca, way.proxies).version())
    fits = report.fits
    if as_json:
        client["dialects"] = {"native": {"subprotocol": SUBPROTOCOL, "versions": [VERSION]}}
        told = {"client": client, "server": {"url": server, **msgspec.to_builtins(report)}, "fits": fits}
        click.echo(json.dumps(told))
        return Exit.OK if fits else Exit.FAILED
    click.echo(f"server {safe(report.version)} at {server}")
    if fits:
        click.echo(f"They fit: both speak {SUBPROTOCOL}, version {VERSION}.")
        return Exit.OK
    spoken = [f"{safe(each.subprotocol)} {each.versions[:9]}" for each in report.dialects.values() if each.subprotocol]
    click.echo(
        f"They do not fit: this client speaks {SUBPROTOCOL}, version {VERSION}, and the server "
        f"{' and '.join(spoken) or 'nothing of the kind'}."
    )
    if _release(report.version) > _release(sellia.__version__):
        click.echo(f"Hint: Install the version of the server; it may offer it at {server}/client/.")
    else:
        click.echo("Hint: Ask the owner of the server to install a newer version of it.")
    return Exit.FAILED


def _release(text: str) -> list[int]:
    """Return the numbers of a version, as far as it begins with them."""
    numbers = []
    for part in text.split("."):
        if not part.isascii() or not part.isdigit() or len(part) > 9:
            break
        numbers.append(int(part))
    return numbers
