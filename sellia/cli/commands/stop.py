"""``sellia stop``: ends clients in order, or closes one of their tunnels."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from sellia.cli.control import Chosen, ControlFailure, ask, choose, completions, running
from sellia.cli.exits import Exit
from sellia.text import printable


@click.command()
@click.argument("which", metavar="[NAME|PID]", required=False, shell_complete=completions)
@click.option("--all", "every", is_flag=True, help="Stop all clients of this user.")
@click.option("--now", is_flag=True, help="Do not wait for what is under way.")
def command(which: str | None, every: bool, now: bool) -> None:
    """Stop a client that runs on this machine, or one of its tunnels.

    What is under way in it may end first.

    NAME is that of a tunnel, PID the process of a client; neither is needed where only one client runs. A tunnel is
    closed by itself where its client has others, which go on.
    """
    if every and which is not None:
        raise click.UsageError("Give a name or --all, not both.")
    chosen = choose(running(), which, every, "stop")
    if not chosen:
        click.echo("No client of this user runs on this machine.")
    failed = False
    for each in chosen:
        try:
            stop(each, now)
        except ControlFailure as error:
            failed = True
            error.show()
    if failed:
        sys.exit(Exit.FAILED)


def stop(chosen: Chosen, now: bool) -> None:
    """Stop one client, or one tunnel, and say what is waited for.  Raises ControlFailure."""
    client = chosen.client
    request: dict[str, Any] = {"command": "stop", "now": now}
    if chosen.tunnel is not None:
        request["tunnel"] = chosen.tunnel
    goes_on = False
    for answer in ask(client, request, None, until_gone=True):
        goes_on = "stopped" in answer
        waiting = answer.get("waiting")
        if isinstance(waiting, dict) and (text := _waiting(waiting)):
            click.echo(f"Waiting for {text} of {client.shown}.", err=True)
    if goes_on:
        click.echo(f"Closed the tunnel {printable(chosen.tunnel or '', 64)}; {client.shown} goes on.")
    else:
        click.echo(f"Stopped {client.shown}.")


def _waiting(left: Mapping[str, Any]) -> str:
    """Return what a client waits for, and for how long at most; nothing where it is about to end."""
    found = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for key, word in (("requests", "request"), ("websockets", "WebSocket"), ("connections", "connection"))
        if isinstance(count := left.get(key), int) and count > 0
    ]
    within = left.get("within")
    most = f", {within:g} s at most," if isinstance(within, int | float) else ""
    return f"{', '.join(found)}{most}" if found else ""
