"""``sellia config check``."""

import json
import os
import sys
from dataclasses import asdict

import click

from sellia.cli.exits import Exit
from sellia.cli.settings_files import Fault, config_option, examine, of_role, profile_option, tell


@click.command()
@click.argument("file", required=False)
@config_option
@profile_option
@of_role
@click.option("--json", "as_json", is_flag=True, help="Print the faults as JSON, for editors and CI.")
def command(file: str | None, config: str | None, profile: str | None, role: str, as_json: bool) -> None:
    """Check the settings, and tell everything that is wrong.

    FILE is checked alone, as a server's if its name is server.yaml; without it, all that a command would read is
    checked: variables and every settings file.

    Each fault is told with its file, line and column. The status is 0 where nothing is wrong, and 78 otherwise.
    """
    if file is not None and config is not None:
        raise click.UsageError("Give FILE or --config, which mean the same.")
    path = file if file is not None else config
    if path is not None and os.path.basename(path) == "server.yaml":
        role = "server"
    found = examine(role, path, profile)
    if as_json:
        faults = [asdict(Fault.of(each)) for each in found.faults]
        click.echo(json.dumps({"faults": faults, "cautions": found.cautions}))
    else:
        tell(found)
    if found.faults:
        if not as_json:
            number = len(found.faults)
            click.echo(f"{number} fault{'' if number == 1 else 's'}.", err=True)
        sys.exit(Exit.SETTINGS)
    if not as_json:
        paths = sorted({each.path for each in found.given.values() if each.rank.is_file and each.path})
        click.echo(f"Nothing is wrong{' in ' if paths else ''}{', '.join(map(click.format_filename, paths))}.")
