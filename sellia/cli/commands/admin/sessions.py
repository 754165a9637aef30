"""``sellia admin sessions``: the clients that are connected."""

from typing import Any

import click

from sellia.cli.admin.options import admin_options


@click.group()
def command() -> None:
    """List the clients that are connected, and end one."""


@command.command("list")
@click.option("--account", metavar="ACCOUNT", help="Clients of this account only.")
@admin_options
def list_(account: str | None, as_json: bool, **flags: Any) -> None:
    """List the clients with their address, version, round trip, tunnels, streams and bytes."""
    from sellia.cli.admin.asking import ask, show

    items = ask(flags, lambda api: api.listed("sessions", account=account))
    show(as_json, {"items": items}, lambda: _table(items))


@command.command()
@click.argument("session")
@admin_options
def kick(session: str, as_json: bool, **flags: Any) -> None:
    """End the session of a client, which may come back: to keep it out, revoke its key."""
    from sellia.cli.admin.asking import ask, show
    from sellia.cli.texts import safe

    ask(flags, lambda api: api.write("DELETE", "sessions", session))
    show(as_json, {"ended": session}, lambda: f"Ended the session {safe(session)}.")


def _table(items: list[dict[str, Any]]) -> str:
    from sellia.cli.admin.table import day_time, table
    from sellia.cli.texts import duration, size

    if not items:
        return "No client is connected."
    rows = (
        (each["id"], each["name"], each["account"], each["address"], each["client"],
         each["state"], day_time(each["since"]),
         duration(each["rtt_seconds"]) if each["rtt_seconds"] is not None else "",
         [tunnel["name"] for tunnel in each["tunnels"]], each["streams"],
         f"{size(each['bytes_in'])} / {size(each['bytes_out'])}")
        for each in items
    )  # fmt: skip
    heads = ("ID", "IN LOG", "ACCOUNT", "ADDRESS", "CLIENT", "STATE", "SINCE", "RTT", "TUNNELS", "STREAMS", "IN / OUT")
    return table(heads, rows)
