"""``sellia admin``: commands for whoever runs a server, a module each; all but the last ask its admin API."""

from typing import Final

import click

from sellia.cli.group import LazyGroup

#: The name of each command and its line of help, in the order in which they are shown.
COMMANDS: Final = {
    "accounts": "List, make, change and close accounts.",
    "keys": "List, make, rotate and revoke keys of accounts.",
    "names": "List, reserve and release names.",
    "domains": "List, add, verify and remove domains of accounts' own.",
    "limits": "List, set and delete classes of limits.",
    "sessions": "List the clients that are connected, and end one.",
    "events": "Show what happened: who came, made, used and was refused what.",
    "usage": "Show what names carried, by day.",
    "plan": "Show what a file would make different.",
    "apply": "Make accounts, names and limits as a file says.",
    "backup": "Save a copy of everything while the server runs.",
    "restore": "Put a copy back while the server is stopped.",
    "export": "Write all of a database to a file, to move to another kind.",
    "import": "Fill an empty database from such a file.",
}


@click.group(cls=LazyGroup, table=COMMANDS, package=__name__)
def command() -> None:
    """Administer a server: accounts, keys, names, limits and sessions.

    Commands ask the server's admin API, which listens where --admin-listen says, with a key that has an admin scope.
    """
