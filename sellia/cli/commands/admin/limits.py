"""``sellia admin limits``: classes of limits, which accounts and keys have."""

from typing import Any

import click

from sellia.cli.admin.options import admin_options

_FIGURES = ("clients", "tunnels", "names", "streams", "requests_per_second", "bytes_per_month")


@click.group()
def command() -> None:
    """List, set and delete classes of limits.

    Accounts have the class 'default' unless they have another one. What a class does not set is as the server's
    settings say.
    """


@command.command("list")
@admin_options
def list_(as_json: bool, **flags: Any) -> None:
    """List all classes."""
    from sellia.cli.admin.asking import ask, show

    items = ask(flags, lambda api: api.listed("limits"))
    show(as_json, {"items": items}, lambda: _table(items))


@command.command("set")
@click.argument("name")
@click.option("--clients", type=click.IntRange(0), help="Clients at once.")
@click.option("--tunnels", type=click.IntRange(0), help="Tunnels at once.")
@click.option("--names", type=click.IntRange(0), help="Names that are reserved.")
@click.option("--streams", type=click.IntRange(0), help="Open streams at once.")
@click.option("--requests-per-second", type=click.FloatRange(0), help="Requests a second.")
@click.option("--bytes-per-month", metavar="SIZE", help="Bytes in both directions in a month, such as 50 GiB.")
@click.option("--unset", metavar="LIMIT", multiple=True, type=click.Choice(_FIGURES), help="A limit that is to go.")
@admin_options
def set_(name: str, unset: tuple[str, ...], bytes_per_month: str | None, as_json: bool, **flags: Any) -> None:
    """Make a class, or change the limits of one that are given."""
    from sellia.cli.admin.api import AdminApi
    from sellia.cli.admin.asking import ask, show
    from sellia.cli.admin.times import bytes_of

    figures = {each: flags.pop(each) for each in _FIGURES if each in flags}
    if bytes_per_month is not None:
        figures["bytes_per_month"] = bytes_of(bytes_per_month, "--bytes-per-month")
    changed = {each: value for each, value in figures.items() if value is not None} | dict.fromkeys(unset)
    if not changed:
        raise click.UsageError("Nothing is to be changed: give a limit, such as --clients 20.")

    async def work(api: AdminApi) -> dict[str, Any]:
        there = {each["name"]: each for each in await api.listed("limits")}
        body = {each: there.get(name, {}).get(each) for each in _FIGURES} | changed
        result: dict[str, Any] = await api.write("PUT", "limits", name, body=body)
        return result

    found = ask(flags, work)
    show(as_json, found, lambda: _table([found]))


@command.command()
@click.argument("name")
@admin_options
def delete(name: str, as_json: bool, **flags: Any) -> None:
    """Delete a class that nobody has."""
    from sellia.cli.admin.asking import ask, show

    ask(flags, lambda api: api.write("DELETE", "limits", name))
    show(as_json, {"deleted": name}, lambda: f"Deleted the class {name}.")


def _table(items: list[dict[str, Any]]) -> str:
    from sellia.cli.admin.table import table

    heads = ("NAME", *(each.replace("_", " ").upper() for each in _FIGURES))
    return table(heads, ((each["name"], *(each[figure] for figure in _FIGURES)) for each in items))
