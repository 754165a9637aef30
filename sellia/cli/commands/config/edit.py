"""``sellia config edit``."""

import json
import os
import sys
from typing import Final

import click

from sellia.cli.exits import Exit
from sellia.cli.settings_files import examine, of_role, schema, tell
from sellia.cli.word import Word
from sellia.text import printable

_SCHEMA: Final = {"client": "sellia.schema.json", "server": "server.schema.json"}

#: What a new file begins with: how an editor finds the schema, and what people write first.
_NEW: Final = {
    "client": """\
# yaml-language-server: $schema={schema}
# Settings of sellia: `sellia config check` checks them, and the documentation lists them all.
version: 1
# server: https://tunnel.example.com
# tunnels:
#   web: {{target: 5173, subdomain: myapp}}
""",
    "server": """\
# yaml-language-server: $schema={schema}
# Settings of a sellia server: `sellia config check --for server` checks them.
version: 1
# domain: tunnel.example.com
""",
}


@click.command()
@click.argument("which", default="user", type=Word("settings file", ["system", "user", "project"]))
@of_role
def command(which: str, role: str) -> None:
    """Edit a settings file, and check it.

    WHICH is the user's file, the project's or the system's. It is opened with what VISUAL or EDITOR names; one that is
    new can be read by nobody else, and has the JSON Schema beside it. Faults end the command with status 78.
    """
    from sellia.settings import CLIENT, SERVER, candidates

    found = [
        each
        for each in candidates(SERVER if role == "server" else CLIENT, os.environ)
        if each.rank.name.lower() == which
    ]
    if not found:
        raise click.UsageError(f"There is no {which} file here.")
    path = found[0].path
    if not found[0].exists:
        _create(path, role)
    while True:
        _edit(path)
        checked = examine(role, path)
        tell(checked)
        if not checked.faults:
            click.echo(f"Nothing is wrong in {click.format_filename(path)}.")
            return
        if not (sys.stdin.isatty() and click.confirm("Edit it again?", default=True, err=True)):
            sys.exit(Exit.SETTINGS)


def _edit(path: str) -> None:
    """Have the user's editor edit a file."""
    try:
        click.edit(filename=path)
    except ValueError:  # quotes that do not end
        raise click.ClickException(f"{_editor()} is no command. VISUAL and EDITOR name the editor.") from None
    except click.ClickException:
        raise click.ClickException(
            f"{_editor()} could not be run, or failed. VISUAL and EDITOR name the editor; the file is {printable(path)}"
        ) from None


def _editor() -> str:
    return printable(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "the editor")


def _create(path: str, role: str) -> None:
    """Make a file that only this user can read, and its schema beside it."""
    directory = os.path.dirname(path)
    try:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        beside = os.path.join(directory, _SCHEMA[role])
        with open(beside, "w", encoding="utf-8") as file:
            file.write(json.dumps(schema(role), indent=2) + "\n")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(_NEW[role].format(schema=_SCHEMA[role]))
    except OSError as error:
        raise click.ClickException(f"cannot write {click.format_filename(path)}: {error.strerror}") from None
