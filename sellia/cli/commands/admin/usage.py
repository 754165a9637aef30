"""``sellia admin usage``: what names carried."""

from typing import Any

import click

from sellia.cli.admin.options import admin_options


@click.command()
@click.option("--from", "first", metavar="DAY", help="First day, in UTC, as 2027-01-31. [default: 30 days ago]")
@click.option("--to", "last", metavar="DAY", help="Last day. [default: today]")
@click.option("--account", metavar="ACCOUNT", help="This account only.")
@click.option("--name", metavar="NAME", help="This name only.")
@admin_options
def command(
    first: str | None, last: str | None, account: str | None, name: str | None, as_json: bool, **flags: Any
) -> None:
    """Show what each name of each account carried, by day in UTC."""
    from sellia.cli.admin.asking import ask, show

    chosen: dict[str, Any] = {"from_": first, "to": last, "account": account, "name": name}
    items = ask(flags, lambda api: api.listed("usage", **chosen))
    show(as_json, {"items": items}, lambda: _table(items))


def _table(items: list[dict[str, Any]]) -> str:
    from sellia.cli.admin.table import table
    from sellia.cli.texts import duration, size

    if not items:
        return "Nothing was carried in these days."
    rows = (
        (each["day"], each["account"], each["name"], f"{each['requests']:,}", f"{each['messages']:,}",
         size(each["bytes_in"]), size(each["bytes_out"]), duration(each["connected_seconds"]))
        for each in items
    )  # fmt: skip
    return table(("DAY", "ACCOUNT", "NAME", "REQUESTS", "MESSAGES", "IN", "OUT", "CONNECTED"), rows)
