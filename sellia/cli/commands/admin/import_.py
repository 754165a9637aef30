"""``sellia admin import``: fills an empty database from an export."""

import sys
from typing import Any

import click

from sellia.cli.admin.database import database_options
from sellia.errors import SettingsError


@click.command()
@click.argument("file")
@database_options
def command(file: str, as_json: bool, **flags: str | None) -> None:
    """Fill an empty database from what 'sellia admin export' has written, - for standard input.

    All of it is there at the end, or nothing.
    """
    from sellia.cli.admin.asking import show
    from sellia.cli.admin.database import in_database, rows_text
    from sellia.storage.migrate import migrate
    from sellia.storage.opening import open_database
    from sellia.storage.transfer import import_
    from sellia.text import printable

    def work(url: Any) -> dict[str, int]:
        try:
            lines = sys.stdin.buffer if file == "-" else open(file, "rb")
        except OSError as error:
            raise SettingsError(f"{printable(file)} cannot be read: {error.strerror}", "Check the path.") from None
        with lines:
            database = open_database(url)
            try:
                migrate(database)
                return import_(database, lines, printable(file) if file != "-" else "standard input")
            finally:
                database.close()

    rows = in_database(flags, work)
    show(as_json, {"rows": rows}, lambda: f"Read {rows_text(rows)}.")
