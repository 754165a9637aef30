"""``sellia auth logout``."""

import os
import sys

import click

from sellia.cli.server_options import server_options


@click.command()
@server_options
@click.option("--all", "every", is_flag=True, help="Delete the keys of all servers.")
def command(every: bool, **flags: str | None) -> None:
    """Delete the key that is stored for a server."""
    from sellia.cli.exits import Exit
    from sellia.cli.server_choice import in_words, the_server, way_of
    from sellia.credentials import credentials

    def work() -> int:
        store = credentials(os.environ)
        servers = store.servers() if every else [the_server(way_of(flags, os.environ), store)]
        for server in servers:
            done = "The key is deleted" if store.forget(server) else "No key was stored"
            click.echo(f"{done} for {server}.")
        if not servers:
            click.echo("No key was stored.")
        return Exit.OK

    sys.exit(in_words(work))
