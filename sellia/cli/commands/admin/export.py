"""``sellia admin export``: writes all of a database to a file."""

import os
import sys
from typing import Any

import click

from sellia.cli.admin.database import database_options
from sellia.errors import SettingsError
from sellia.text import printable


@click.command()
@click.argument("file")
@database_options
def command(file: str, as_json: bool, **flags: str | None) -> None:
    """Write all of a database to a new FILE, as JSON lines, - for standard output.

    'sellia admin import' reads it into another database, such as one of PostgreSQL.
    """
    from sellia.cli.admin.asking import show
    from sellia.cli.admin.database import in_database, rows_text
    from sellia.cli.admin.saving import NewFile
    from sellia.cli.texts import safe
    from sellia.storage.opening import open_database
    from sellia.storage.transfer import export

    def work(url: Any) -> dict[str, int]:
        if url.file and not os.path.exists(url.file):
            raise SettingsError(f"there is no database {printable(url.file)}", "Check --state-dir or --storage.")
        database = open_database(url)
        try:
            if file == "-":
                return export(database, sys.stdout.buffer)
            with NewFile(file) as saved:
                return export(database, saved)  # type: ignore[arg-type]  # it only writes
        finally:
            database.close()

    rows = in_database(flags, work)
    if file != "-":
        show(as_json, {"file": file, "rows": rows}, lambda: f"Wrote {rows_text(rows)} to {safe(file)}.")
