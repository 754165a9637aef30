"""``sellia admin accounts``: who has keys and names."""

from collections.abc import Mapping
from typing import Any

import click

from sellia.cli.admin.options import admin_options


@click.group()
def command() -> None:
    """List, make, change and close accounts.

    An account is a person or a team: keys of one account share its names, two accounts never share any.
    """


@command.command("list")
@admin_options
def list_(as_json: bool, **flags: Any) -> None:
    """List all accounts."""
    from sellia.cli.admin.asking import ask, show

    items = ask(flags, lambda api: api.listed("accounts"))
    show(as_json, {"items": items}, lambda: _table(items))


@command.command("show")
@click.argument("account")
@admin_options
def show_(account: str, as_json: bool, **flags: Any) -> None:
    """Show one account, by its id or its name."""
    from sellia.cli.admin.asking import ask, show

    found = ask(flags, lambda api: api.get("accounts", account))
    show(as_json, found, lambda: _table([found]))


@command.command()
@click.argument("name")
@click.option("--limits", metavar="CLASS", help="Its class of limits. [default: default]")
@click.option("--note", metavar="TEXT", help="A text for people.")
@admin_options
def create(name: str, limits: str | None, note: str | None, as_json: bool, **flags: Any) -> None:
    """Make an account."""
    from sellia.cli.admin.asking import ask, show

    body = _given(name=name, limits=limits, note=note)
    made = ask(flags, lambda api: api.write("POST", "accounts", body=body))
    show(as_json, made, lambda: f"Made the account {name}, {made['id']}.")


@command.command("set")
@click.argument("account")
@click.option("--name", metavar="NAME", help="Another name.")
@click.option("--limits", metavar="CLASS", help="Another class of limits.")
@click.option("--note", metavar="TEXT", help="Another text for people.")
@admin_options
def set_(account: str, name: str | None, limits: str | None, note: str | None, as_json: bool, **flags: Any) -> None:
    """Change an account."""
    body = _given(name=name, limits=limits, note=note)
    if not body:
        raise click.UsageError("Nothing is to be changed: give --name, --limits or --note.")
    _change(account, body, "Changed", as_json, flags)


@command.command()
@click.argument("account")
@admin_options
def close(account: str, as_json: bool, **flags: Any) -> None:
    """Close an account: its keys open nothing any more, and its sessions end.

    Its names stay its own. 'sellia admin accounts reopen' takes it back.
    """
    _change(account, {"closed": True}, "Closed", as_json, flags)


@command.command()
@click.argument("account")
@admin_options
def reopen(account: str, as_json: bool, **flags: Any) -> None:
    """Open an account again that was closed."""
    _change(account, {"closed": False}, "Reopened", as_json, flags)


def _change(account: str, body: Mapping[str, Any], what: str, as_json: bool, flags: Mapping[str, Any]) -> None:
    from sellia.cli.admin.asking import ask, show
    from sellia.cli.texts import safe

    changed = ask(flags, lambda api: api.write("PATCH", "accounts", account, body=body))
    show(as_json, changed, lambda: f"{what} the account {safe(changed['name'])}, {changed['id']}.")


def _given(**values: str | None) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _table(items: list[dict[str, Any]]) -> str:
    from sellia.cli.admin.table import day_time, table

    if not items:
        return "There are no accounts. 'sellia admin accounts create NAME' makes one."
    rows = (
        (each["id"], each["name"], each["limits"], day_time(each["created_at"]), day_time(each["closed_at"]),
         each["note"])
        for each in items
    )  # fmt: skip
    return table(("ID", "NAME", "LIMITS", "MADE", "CLOSED", "NOTE"), rows)
