"""``sellia admin restore``: puts a copy of everything back."""

import click

from sellia.cli.admin.database import database_options


@click.command()
@click.argument("file")
@database_options
def command(file: str, as_json: bool, **flags: str | None) -> None:
    """Replace the database of a stopped server by a backup, which is checked before anything is touched.

    The database that was there is kept under another name. In PostgreSQL, it is replaced in one transaction.
    """
    from sellia.cli.admin.asking import show
    from sellia.cli.admin.database import in_database, rows_text
    from sellia.cli.texts import safe
    from sellia.storage.backup import restore

    done = in_database(flags, lambda url: restore(url, file))
    kept = f" What was there is in {safe(done.kept)}." if done.kept else ""
    value = {"rows": done.rows, "kept": done.kept or None}
    show(as_json, value, lambda: f"Restored {rows_text(done.rows)}.{kept}")
