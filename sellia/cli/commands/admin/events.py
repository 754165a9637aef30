"""``sellia admin events``: what happened on a server."""

import json
from collections.abc import Mapping
from typing import Any, Final

import click

from sellia.cli.admin.options import admin_options

#: Seconds between two looks for new events.
_FOLLOW: Final = 2.0


@click.command()
@click.option("--account", metavar="ACCOUNT", help="Events of this account only.")
@click.option("--kind", metavar="KIND", help="A kind such as key.revoked, or a group such as key.")
@click.option("--since", metavar="WHEN", help="Events from this time on: 2h for two hours ago, or a date.")
@click.option("--until", metavar="WHEN", help="Events before this time.")
@click.option("--after", metavar="ID", type=click.IntRange(0), help="Events after the one with this id.")
@click.option("-n", "--limit", type=click.IntRange(1), help="The newest so many. [default: 50, without the above]")
@click.option("-f", "--follow", is_flag=True, help="Go on, and show events as they come.")
@admin_options
def command(
    account: str | None,
    kind: str | None,
    since: str | None,
    until: str | None,
    after: int | None,
    limit: int | None,
    follow: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Show what happened: who came, made, used, revoked, and was refused what.

    With --json, one JSON object on each line.
    """
    from sellia.cli.admin.api import PAGE, AdminApi
    from sellia.cli.admin.asking import ask
    from sellia.cli.admin.times import moment_of

    chosen: dict[str, Any] = {"account": account, "kind": kind}
    if since is not None:
        chosen["since"] = moment_of(since, "--since", back=True)
    if until is not None:
        chosen["until"] = moment_of(until, "--until", back=True)
    if limit is None and since is None and until is None and after is None:
        limit = 50

    def tell(items: list[dict[str, Any]]) -> None:
        for each in items:
            click.echo(json.dumps(each) if as_json else line(each))

    async def work(api: AdminApi) -> None:
        last = after or 0
        if limit is not None:
            found = await _newest(api, limit, {**chosen, "after": after})
            tell(found)
            last = int(found[-1]["id"]) if found else last
        while True:
            if limit is None or follow:
                page = await api.get("events", **chosen, after=last, limit=PAGE)
                tell(page["items"])
                last = page["after"]
                if len(page["items"]) == PAGE:
                    continue
            if not follow:
                return
            await api.pause(_FOLLOW)

    ask(flags, work)


async def _newest(api: Any, count: int, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the newest events that there are, in the order in which they happened."""
    from sellia.cli.admin.api import PAGE

    found: list[dict[str, Any]] = []
    before: int | None = None
    while len(found) < count:
        wanted = min(PAGE, count - len(found))
        page = await api.get("events", **chosen, before=before, limit=wanted, newest=True)
        found += page["items"]
        if len(page["items"]) < wanted:
            break
        before = found[-1]["id"]
    return found[::-1]


def line(event: Mapping[str, Any]) -> str:
    """Return an event as a line for people."""
    from sellia.cli.texts import safe

    parts = [event["at"][:19].replace("T", " "), f"{safe(event['kind']):<18}"]
    for name in ("account", "key_prefix", "address", "subject"):
        if event[name]:
            parts.append(f"{name.replace('key_prefix', 'key')}={safe(str(event[name]))}")
    parts += [f"{safe(name)}={safe(str(value))}" for name, value in event["detail"].items()]
    return "  ".join(parts)
