"""``sellia admin apply``: makes accounts, names and limits as a file says."""

import sys
from typing import Any

import click

from sellia.cli.admin.options import admin_options


@click.command()
@click.argument("file")
@click.option("--prune", is_flag=True, help="Also take away what the file does not mention.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask, also where something is taken away.")
@admin_options
def command(file: str, prune: bool, yes: bool, as_json: bool, **flags: Any) -> None:
    """Make accounts, names and limits as a file says, after showing what will be different.

    The file is YAML: 'limits' by the name of the class, and 'accounts' by name, each with limits, note, names and
    domains. Applying it twice does nothing the second time. On a terminal it asks first; elsewhere it asks for --yes
    where something is taken away.
    """
    from sellia.cli.admin.asking import ask, show
    from sellia.cli.admin.planning import applied, as_json_of, text_of

    def agree(plan: Any) -> bool:
        if not as_json:
            click.echo(text_of(plan))
        if yes or not plan.steps:
            return True
        if sys.stdin.isatty() and sys.stdout.isatty():
            return click.confirm("Make it so?", default=False)
        if any(each.sign == "-" for each in plan.steps):
            raise click.UsageError("Something would be taken away: say --yes if that is meant.")
        return True

    plan, done = ask(flags, applied(file, prune, agree, as_json))
    if as_json:
        show(as_json, {**as_json_of(plan), "done": done}, str)
    elif plan.steps:
        click.echo(f"{done} of {len(plan.steps)} steps done." if done < len(plan.steps) else "Done.")
