"""``sellia admin keys``: what accounts connect with."""

from typing import Any

import click

from sellia.cli.admin.options import admin_options

_SCOPES = ("http", "tcp", "udp", "tls", "admin:read", "admin:write")


@click.group()
def command() -> None:
    """List, make, rotate and revoke keys of accounts."""


@command.command("list")
@click.option("--account", metavar="ACCOUNT", help="Keys of this account only.")
@admin_options
def list_(account: str | None, as_json: bool, **flags: Any) -> None:
    """List keys; their secrets are known to nobody."""
    from sellia.cli.admin.asking import ask, show

    items = ask(flags, lambda api: api.listed("keys", account=account))
    show(as_json, {"items": items}, lambda: _table(items))


@command.command("show")
@click.argument("key")
@admin_options
def show_(key: str, as_json: bool, **flags: Any) -> None:
    """Show one key, by its id."""
    from sellia.cli.admin.asking import ask, show

    found = ask(flags, lambda api: api.get("keys", key))
    show(as_json, found, lambda: _lines(found))


@command.command()
@click.argument("account")
@click.option("--name", metavar="NAME", help="A name for people, such as laptop. [default: key]")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(_SCOPES), help="What it may do. [default: http]")
@click.option("--may-have", "names", metavar="PATTERN", multiple=True, help="A name that it may have, such as app-*.")
@click.option("--network", "networks", metavar="NETWORK", multiple=True, help="Where it may come from: 10.0.0.0/8.")
@click.option("--expires", metavar="WHEN", help="When it ends: a time such as 90d, or 2027-01-31T12:00:00Z.")
@click.option("--limits", metavar="CLASS", help="A class of limits, beside that of the account.")
@click.option("--limit", "figures", metavar="LIMIT=FIGURE", multiple=True, help="A limit of its own: tunnels=3.")
@admin_options
def create(
    account: str,
    name: str | None,
    scopes: tuple[str, ...],
    names: tuple[str, ...],
    networks: tuple[str, ...],
    expires: str | None,
    limits: str | None,
    figures: tuple[str, ...],
    as_json: bool,
    **flags: Any,
) -> None:
    """Make a key of an account, and print it: this is the only time that it is seen.

    Standard output has the key alone, so that KEY=$(sellia admin keys create acme) works.
    """
    from sellia.cli.admin.asking import ask, show
    from sellia.cli.admin.times import figures_of, moment_of

    if limits is not None and figures:
        raise click.UsageError("--limits names a class, and --limit is a figure of its own: give one of them.")
    body: dict[str, Any] = {"account": account}
    given: dict[str, Any] = {"name": name, "scopes": [*scopes], "names": [*names], "networks": [*networks]}
    given["limits"] = figures_of(figures) if figures else limits
    body |= {each: value for each, value in given.items() if value}
    if expires is not None:
        body["expires_at"] = moment_of(expires, "--expires")
    made = ask(flags, lambda api: api.write("POST", "keys", body=body))
    show(as_json, made, lambda: str(made["key"]))
    if not as_json:
        click.echo(f"This is the key {made['id']}, which is not shown again.", err=True)


@command.command()
@click.argument("key")
@click.option(
    "--overlap", metavar="TIME", default="0s", help="How long the old one goes on, such as 24h. [default: 0s]"
)
@admin_options
def rotate(key: str, overlap: str, as_json: bool, **flags: Any) -> None:
    """Make a key that replaces another one, and print it."""
    from sellia.cli.admin.asking import ask, show
    from sellia.cli.admin.times import seconds_of

    body = {"overlap_seconds": round(seconds_of(overlap, "--overlap"))}
    made = ask(flags, lambda api: api.write("POST", "keys", key, "rotate", body=body))
    show(as_json, made, lambda: str(made["key"]))
    if not as_json:
        click.echo(f"This is the key {made['id']}, which is not shown again.", err=True)


@command.command()
@click.argument("key")
@admin_options
def revoke(key: str, as_json: bool, **flags: Any) -> None:
    """Revoke a key: its sessions end within a second."""
    from sellia.cli.admin.asking import ask, show
    from sellia.cli.texts import safe

    ask(flags, lambda api: api.write("DELETE", "keys", key))
    show(as_json, {"revoked": key}, lambda: f"Revoked the key {safe(key)}.")


def _table(items: list[dict[str, Any]]) -> str:
    from sellia.cli.admin.table import day_time, table

    if not items:
        return "There are no keys. 'sellia admin keys create ACCOUNT' makes one."
    rows = (
        (each["id"], each["account"], each["name"], each["prefix"], each["scopes"], each["state"],
         day_time(each["expires_at"]), day_time(each["last_used_at"]))
        for each in items
    )  # fmt: skip
    return table(("ID", "ACCOUNT", "NAME", "BEGINS WITH", "SCOPES", "STATE", "EXPIRES", "LAST USED"), rows)


def _lines(key: dict[str, Any]) -> str:
    from sellia.cli.texts import safe

    def shown(value: Any) -> str:
        if isinstance(value, dict):
            value = [f"{name}={figure:,}" for name, figure in value.items() if figure is not None]
        text = ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)
        return safe(text) or "-"

    return "\n".join(f"{name.replace('_', ' '):15} {shown(value)}" for name, value in key.items())
