"""``sellia admin plan``: what a file would make different."""

import sys
from typing import Any

import click

from sellia.cli.admin.options import admin_options


@click.command()
@click.argument("file")
@click.option("--prune", is_flag=True, help="Also take away what the file does not mention.")
@click.option("--exit-code", is_flag=True, help="End with status 1 if something is different.")
@admin_options
def command(file: str, prune: bool, exit_code: bool, as_json: bool, **flags: Any) -> None:
    """Show what 'sellia admin apply FILE' would do, and do nothing."""
    from sellia.cli.admin.asking import ask, show
    from sellia.cli.admin.planning import as_json_of, planned, text_of
    from sellia.cli.exits import Exit

    plan = ask(flags, planned(file, prune))
    show(as_json, as_json_of(plan), lambda: text_of(plan))
    sys.exit(Exit.FAILED if plan.steps and exit_code else Exit.OK)
