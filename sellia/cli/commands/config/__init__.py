"""``sellia config``: commands about settings, a module each; none of them starts anything."""

from typing import Final

import click

from sellia.cli.group import LazyGroup

#: The name of each command and its line of help, in the order in which they are shown.
COMMANDS: Final = {
    "check": "Check the settings, and tell everything that is wrong.",
    "show": "Show the settings that count, merged.",
    "path": "Show which settings files are read.",
    "edit": "Edit a settings file, and check it.",
    "schema": "Print the JSON Schema of settings files, for editors.",
    "import": "Read the settings of ngrok, cloudflared or frp.",
}


@click.group(cls=LazyGroup, table=COMMANDS, package=__name__)
def command() -> None:
    """Check, show and edit the settings.

    They come from flags, SELLIA_* variables, the project's sellia.yaml, the user's and the system's, in this order.
    """
