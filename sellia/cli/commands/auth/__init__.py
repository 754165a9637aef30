"""``sellia auth``: commands about the keys of servers, a module each."""

from typing import Final

import click

from sellia.cli.group import LazyGroup

#: The name of each command and its line of help, in the order in which they are shown.
COMMANDS: Final = {
    "login": "Check a key with its server, and store it.",
    "status": "Show for which servers keys are stored, and what they may do.",
    "hash": "Make a line of a tunnel's auth_file, with a password's hash.",
    "logout": "Delete the key that is stored for a server.",
}


@click.group(cls=LazyGroup, table=COMMANDS, package=__name__)
def command() -> None:
    """Store and delete keys of servers, and hash passwords of visitors."""
