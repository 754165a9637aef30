"""``sellia why``: why a request, a WebSocket, a connection or a link has ended, as a running client knows it."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import click

from sellia.cli.control import ControlFailure, Running, ask
from sellia.cli.exits import Exit
from sellia.cli.inspectors import (
    Inspector,
    clients_of,
    inspector_options,
    knowing,
    of_clients,
    of_url,
    one_of,
    run_calls,
)
from sellia.cli.texts import safe

#: Words of an answer that says only that this client is the wrong one: it knows no such cause, or is an older one.
_NOT_THERE: Final = ("unknown-cause", "unknown-command", "bad-line")


@click.command()
@click.argument("id", metavar="[ID]", required=False)
@inspector_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(id: str | None, which: str | None, url: str | None, as_json: bool) -> None:
    """Tell why something ended.

    ID is that of the line beneath a request or a WebSocket, or in --json, or the number of an exchange, as `sellia
    requests` and the inspector show it; without one, it is the latest. The clients of this user are asked, each of
    which remembers the last 512; docs/why.rst explains the words.
    """
    answer = find(id, which, url)
    if answer is None:
        known = f"knows why {safe(id)} ended" if id else "knows of anything that has not ended plainly well"
        click.echo(f"No client of this user that runs on this machine {known}.", err=True)
        sys.exit(Exit.FAILED)
    if as_json:
        click.echo(json.dumps(answer))
        return
    for line in lines(answer):
        click.echo(line)


def find(id: str | None, which: str | None, url: str | None) -> Mapping[str, Any] | None:
    """Return what one of the clients knows, as ``/api/why/ID`` has it, or None."""
    if url is not None:
        if id is None:
            raise click.UsageError("--inspector needs the ID of what has ended.")
        return _of_inspectors([of_url(url)], id)
    clients = clients_of(which, "why")
    cause = _of_books(clients, id)
    if cause is not None:
        return {"id": cause.get("id"), "exchange": None, "open": False, "end": None, "cause": cause}
    return None if id is None else _of_inspectors(list(of_clients(clients)), id)


def _of_books(clients: Sequence[Running], id: str | None) -> Mapping[str, Any] | None:
    for client in clients:
        try:
            for answer in ask(client, {"command": "why", "id": id}):
                cause = answer.get("cause")
                if isinstance(cause, dict):
                    return cause
        except ControlFailure as error:
            if error.word not in _NOT_THERE:
                error.show()
    return None


def _of_inspectors(found: Sequence[Inspector], id: str) -> Mapping[str, Any] | None:
    if not found:
        return None
    known = run_calls(lambda reactor: knowing(found, f"/api/why/{quote(id, safe='')}", reactor))
    if not known:
        return None
    chosen = one_of([each for each, _ in known], id, "why")
    answer = next(answer for each, answer in known if each is chosen)
    return answer if isinstance(answer, dict) else None


def lines(answer: Mapping[str, Any]) -> list[str]:
    """Return what is shown of an answer."""
    cause = answer.get("cause")
    if not isinstance(cause, Mapping):
        what = "is still open" if answer.get("open") else "ended plainly well, so there is nothing to explain"
        return [f"{_text(answer, 'id')} {what}."]
    shown = [f"{_text(cause, 'id')}  {_text(cause, 'who')}, {_text(cause, 'what')}", f"  {_text(cause, 'sentence')}"]
    if cause.get("remedy"):
        shown.append(f"  {_text(cause, 'remedy')}")
    evidence = cause.get("evidence")
    if isinstance(evidence, Mapping):
        width = max(map(len, evidence), default=0)
        shown += [f"    {safe(str(name)):<{width}}  {safe(str(fact))}" for name, fact in evidence.items()]
    return shown


def _text(of: Mapping[str, Any], name: str) -> str:
    return safe(str(of.get(name, "")))
