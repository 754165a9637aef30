"""``sellia admin names``: names that belong to accounts."""

from typing import Any

import click

from sellia.cli.admin.options import admin_options


@click.group()
def command() -> None:
    """List, reserve and release names.

    A name is that of a tunnel, as app; *.app, for all below it; or a port, as tcp/20000.
    """


@command.command("list")
@click.option("--account", metavar="ACCOUNT", help="Names of this account only.")
@admin_options
def list_(account: str | None, as_json: bool, **flags: Any) -> None:
    """List names that are reserved, and those that are kept for a while for whoever used them last."""
    from sellia.cli.admin.asking import ask, show

    items = ask(flags, lambda api: api.listed("names", account=account))
    show(as_json, {"items": items}, lambda: _table(items))


@command.command()
@click.argument("name")
@click.option("--account", metavar="ACCOUNT", help="The account that is to have it. [default: that of the key]")
@admin_options
def reserve(name: str, account: str | None, as_json: bool, **flags: Any) -> None:
    """Reserve a name for an account: nobody else gets it, whether its client runs or not."""
    from sellia.cli.admin.asking import ask, show
    from sellia.cli.admin.plan import kind_of

    body = {"name": name, "kind": kind_of(name), **({"account": account} if account is not None else {})}
    made = ask(flags, lambda api: api.write("POST", "names", body=body))
    show(as_json, made, lambda: f"Reserved {name} for {made['account']}.")


@command.command()
@click.argument("name")
@admin_options
def release(name: str, as_json: bool, **flags: Any) -> None:
    """Release a name: whoever comes first has it then. A client that runs keeps it until it stops."""
    from sellia.cli.admin.asking import ask, show
    from sellia.cli.admin.plan import kind_of

    ask(flags, lambda api: api.write("DELETE", "names", kind_of(name), name))
    show(as_json, {"released": name}, lambda: f"Released {name}.")


def _table(items: list[dict[str, Any]]) -> str:
    from sellia.cli.admin.table import day_time, table

    if not items:
        return "No names are reserved. 'sellia admin names reserve NAME --account ACCOUNT' reserves one."
    rows = (
        (each["name"], each["kind"], each["account"], day_time(each["created_at"]), day_time(each["expires_at"]))
        for each in items
    )
    return table(("NAME", "KIND", "ACCOUNT", "SINCE", "KEPT UNTIL"), rows)
