"""``sellia config schema``."""

import json

import click

from sellia.cli.settings_files import of_role, schema


@click.command()
@of_role
def command(role: str) -> None:
    """Print the JSON Schema of settings files, for editors.

    Save it, and begin a settings file with a line that names it, for editors that use the YAML language server:

    \b
      sellia config schema > sellia.schema.json
      # yaml-language-server: $schema=sellia.schema.json
    """
    click.echo(json.dumps(schema(role), indent=2))
