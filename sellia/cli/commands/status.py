"""``sellia status``: the clients that this user runs on this machine, asked over their control sockets."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from sellia.cli.control import Running, choose, completions, running
from sellia.text import printable


@click.command()
@click.argument("which", metavar="[NAME|PID]", required=False, shell_complete=completions)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(which: str | None, as_json: bool) -> None:
    """Show the clients that run on this machine, and their tunnels.

    NAME is that of a tunnel, PID the process of a client; without one, all clients of this user are shown.
    """
    clients = running()
    if which is not None:
        clients = [each.client for each in choose(clients, which, None, "status")]
    if as_json:
        click.echo(json.dumps({"clients": [_described(each) for each in clients]}))
        return
    if not clients:
        click.echo("No client of this user runs on this machine.")
    for index, each in enumerate(clients):
        if index:
            click.echo()
        for line in lines(each):
            click.echo(line)


def _described(client: Running) -> dict[str, Any]:
    if client.status is None:
        return {"pid": client.process, "answers": False}
    return {"pid": client.process, "answers": True, **client.status}


def lines(client: Running) -> Iterator[str]:
    """Yield what is shown of a client."""
    status = client.status
    if status is None:
        yield f"process {client.process} does not answer"
        return
    stopping = ", stopping" if status.get("stopping") else ""
    yield f"{client.command}, process {client.process}{stopping}, since {_since(status)}"
    yield f"  server   {_shown(status, 'server')}, {_link(status.get('link'))}"
    if status.get("log"):
        yield f"  log      {_shown(status, 'log')}"
    for tunnel in client.tunnels:
        name = _shown(tunnel, "name") or _shown(tunnel, "subdomain")
        url = _shown(tunnel, "url") if tunnel.get("state") == "open" else f"({_shown(tunnel, 'state')})"
        yield f"  {name:<8} {url or '(no URL yet)'}{_visitors(tunnel)}"
        for target in _targets(tunnel):
            yield f"           -> {target}"


def _since(status: Mapping[str, Any]) -> str:
    """Return when a client was started, in local time, and how long ago that is."""
    try:
        began = datetime.fromisoformat(str(status.get("since"))).astimezone()
        seconds = float(status.get("seconds", 0.0))
        text = began.strftime("%H:%M:%S" if seconds < 43_200 else "%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, TypeError):
        return "some time"
    return f"{text} ({ago(seconds)})"


def ago(seconds: float) -> str:
    """Return a duration in its two largest units: ``35 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    amount = int(seconds)
    for unit, size, below, smaller in ((" d", 86_400, 3600, " h"), (" h", 3600, 60, " min"), (" min", 60, 1, " s")):
        if amount >= size:
            rest = amount % size // below
            return f"{amount // size}{unit}" + (f" {rest}{smaller}" if rest else "")
    return f"{amount} s"


def _link(link: object) -> str:
    if not isinstance(link, dict):
        return "link unknown"
    seconds, reason = link.get("seconds"), link.get("reason")
    since = f" for {ago(seconds)}" if isinstance(seconds, int | float) and seconds >= 0 else ""
    if link.get("state") == "up":
        trip = link.get("round_trip")
        return f"link up{since}" + (f", round trip {trip * 1000:.3g} ms" if isinstance(trip, int | float) else "")
    why = f": {printable(str(reason))}" if reason else ""
    return f"{'link lost' if link.get('state') == 'lost' else 'no link yet'}{since}{why}"


def _visitors(tunnel: Mapping[str, Any]) -> str:
    found = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for key, word in (("requests", "request"), ("websockets", "WebSocket"), ("connections", "connection"))
        if isinstance(count := tunnel.get(key), int) and count
    ]
    return f"   {', '.join(found)} open" if found else ""


def _targets(tunnel: Mapping[str, Any]) -> Iterator[str]:
    told = tunnel.get("targets")
    targets = told if isinstance(told, list) else []
    for each in targets:
        if isinstance(each, dict):
            path = printable(str(each.get("path") or "/"), 256)
            shown = printable(str(each.get("target")), 256)
            yield shown if path == "/" and len(targets) == 1 else f"{shown} for {path}"


def _shown(of: Mapping[str, Any], key: str) -> str:
    value = of.get(key)
    return printable(value, 1024) if isinstance(value, str) else ""
