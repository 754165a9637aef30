"""``sellia reload``: has clients read their settings again."""

import sys
from collections.abc import Mapping
from typing import Any, Final

import click

from sellia.cli.control import ControlFailure, Running, ask, choose, completions, running
from sellia.cli.exits import Exit
from sellia.text import printable

_DONE: Final = ("opened", "closed", "altered", "changed")


@click.command()
@click.argument("which", metavar="[NAME|PID]", required=False, shell_complete=completions)
@click.option("--all", "every", is_flag=True, help="Reload all clients of this user.")
def command(which: str | None, every: bool) -> None:
    """Have a running client read its settings again.

    Tunnels that differ are opened, closed or altered; the others do not notice. Settings that are wrong change nothing.
    NAME is that of a tunnel, PID the process of a client; neither is needed where only one client runs.
    """
    if every and which is not None:
        raise click.UsageError("Give a name or --all, not both.")
    chosen = choose(running(), which, every, "reload")
    status = Exit.OK
    for client in dict.fromkeys(each.client.path for each in chosen):
        one = next(each.client for each in chosen if each.client.path == client)
        try:
            reload(one)
        except ControlFailure as error:
            status = Exit.SETTINGS if error.word == "settings" else Exit.FAILED
            error.show()
    sys.exit(status)


def reload(client: Running) -> None:
    """Have one client read its settings again, and say what it has changed.  Raises ControlFailure."""
    for answer in ask(client, {"command": "reload"}):
        changes = answer.get("reloaded")
        if isinstance(changes, dict):
            click.echo(f"{client.shown}: {_changes(changes)}.")


def _changes(changes: Mapping[str, Any]) -> str:
    done = []
    for key, shown in (*((each, f"{each} {{}}") for each in _DONE), ("waiting", "{} after a restart only")):
        names = changes.get(key)
        if isinstance(names, list) and names:
            done.append(shown.format(", ".join(printable(str(name), 64) for name in names)))
    return "; ".join(done) or "nothing has changed"
