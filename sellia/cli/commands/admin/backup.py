"""``sellia admin backup``: saves a copy of everything while the server runs."""

from typing import Any

import click

from sellia.cli.admin.options import admin_options


@click.command()
@click.argument("file")
@admin_options
def command(file: str, as_json: bool, **flags: Any) -> None:
    """Save a consistent copy of everything that the server remembers to a new FILE of yours, readable by you alone.

    It is one SQLite file, whatever database the server has. 'sellia admin restore' puts it back.
    """
    from sellia.cli.admin.api import AdminApi
    from sellia.cli.admin.asking import ask, show
    from sellia.cli.admin.saving import NewFile
    from sellia.cli.texts import safe, size

    async def work(api: AdminApi) -> int:
        with NewFile(file) as saved:
            await api.download(saved.write, "backup")
            return saved.size

    written = ask(flags, work)
    show(as_json, {"file": file, "bytes": written}, lambda: f"Saved {size(written)} in {safe(file)}.")
