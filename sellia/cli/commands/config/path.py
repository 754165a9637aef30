"""``sellia config path``."""

import os
import sys

import click

from sellia.cli.exits import Exit
from sellia.cli.settings_files import of_role
from sellia.cli.word import Word
from sellia.text import printable


@click.command()
@click.argument("which", required=False, type=Word("settings file", ["system", "user", "project"]))
@of_role
def command(which: str | None, role: str) -> None:
    """Show which settings files are read.

    One on each line, the weakest first, and why one is not read. With WHICH, only that path is printed, for scripts,
    whether there is a file or not; the status is 1 where that kind of file has no place.
    """
    from sellia.settings import CLIENT, SERVER, candidates

    found = candidates(SERVER if role == "server" else CLIENT, os.environ)
    if which is not None:
        paths = [each.path for each in found if each.rank.name.lower() == which]
        if not paths:
            click.echo(f"There is no {which} file here.", err=True)
            sys.exit(Exit.FAILED)
        click.echo(paths[0])
        return
    width = max(len(printable(each.path)) for each in found)
    for each in found:
        state = each.why_not if not each.exists else f"not read: {each.why_not}" if each.why_not else "read"
        click.echo(f"{each.rank.name.lower():8} {printable(each.path):{width}}  {state}")
