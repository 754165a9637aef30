"""``sellia admin domains``: domains of accounts' own, and the proof of who controls each."""

from typing import Any

import click

from sellia.cli.admin.options import admin_options


@click.group()
def command() -> None:
    """List, add, verify and remove domains of accounts' own.

    A domain such as www.example.com is an account's when a record in its DNS has proved that the account controls it.
    """


@command.command("list")
@click.option("--account", metavar="ACCOUNT", help="Domains of this account only.")
@admin_options
def list_(account: str | None, as_json: bool, **flags: Any) -> None:
    """List domains."""
    from sellia.cli.admin.asking import ask, show

    items = ask(flags, lambda api: api.listed("domains", account=account))
    show(as_json, {"items": items}, lambda: _table(items))


@command.command()
@click.argument("domain")
@click.option("--account", metavar="ACCOUNT", help="The account that is to have it. [default: that of the key]")
@click.option("--proved", is_flag=True, help="Vouch for it yourself: no record in its DNS is asked for.")
@admin_options
def add(domain: str, account: str | None, proved: bool, as_json: bool, **flags: Any) -> None:
    """Add a domain, and print the record that its DNS has to have."""
    from sellia.cli.admin.asking import ask, show

    body = {
        "domain": domain,
        **({"account": account} if account is not None else {}),
        **({"proved": True} if proved else {}),
    }
    made = ask(flags, lambda api: api.write("POST", "domains", body=body))
    show(as_json, made, lambda: _told(made))


@command.command()
@click.argument("domain")
@admin_options
def verify(domain: str, as_json: bool, **flags: Any) -> None:
    """Look for the record, and give the domain to its account if it is there."""
    from sellia.cli.admin.asking import ask, show

    found = ask(flags, lambda api: api.write("POST", "domains", domain, "verify"))
    show(as_json, found, lambda: _told(found))


@command.command()
@click.argument("domain")
@admin_options
def remove(domain: str, as_json: bool, **flags: Any) -> None:
    """Take a domain away from its account."""
    from sellia.cli.admin.asking import ask, show

    ask(flags, lambda api: api.write("DELETE", "domains", domain))
    show(as_json, {"removed": domain}, lambda: f"Removed {domain}.")


def _told(domain: dict[str, Any]) -> str:
    from sellia.cli.texts import safe

    name = safe(domain["domain"])
    if domain["proved_at"] is not None:
        return f"{name} belongs to {safe(domain['account'] or '-')}."
    records = [f"  {safe(each['name'])}. {safe(each['type'])} {safe(each['value'])}" for each in domain["records"]]
    if not records:
        return f"{name} is reserved. The server takes no domains but its own: set custom_domains."
    listed = "\n".join(records)
    return f"Add one of these records to its DNS:\n\n{listed}\n\nThen say: sellia admin domains verify {name}"


def _table(items: list[dict[str, Any]]) -> str:
    from sellia.cli.admin.table import day_time, table

    if not items:
        return "There are no domains. 'sellia admin domains add DOMAIN --account ACCOUNT' adds one."
    rows = ((each["domain"], each["account"], day_time(each["proved_at"]) or "not yet") for each in items)
    return table(("DOMAIN", "ACCOUNT", "PROVED"), rows)
