"""``sellia config show``."""

import json
import sys

import click

from sellia.cli.exits import Exit
from sellia.cli.settings_files import config_option, examine, of_role, profile_option, tell


@click.command()
@click.option("--origin", is_flag=True, help="Say behind each value where it came from.")
@click.option("--defaults", is_flag=True, help="Show also what nobody has set.")
@config_option
@profile_option
@of_role
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object: value, origin and source by setting.")
def command(origin: bool, defaults: bool, config: str | None, profile: str | None, role: str, as_json: bool) -> None:
    """Show the settings that count, merged.

    What is printed can be read as a settings file, but for secrets, which are masked. Faults end it with status 78.
    """
    from sellia.settings import shown, shown_values

    found = examine(role, config, profile)
    tell(found)
    if found.faults:
        sys.exit(Exit.SETTINGS)
    if as_json:
        click.echo(json.dumps(shown_values(found.models, found.given, defaults), default=str))
    else:
        click.echo(shown(found.models, found.given, origin, defaults), nl=False)
