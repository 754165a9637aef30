"""``sellia replay``: a request or a WebSocket once more, as it was or edited, by the inspector of a running client."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from sellia.cli.exchange_lines import exchange_lines
from sellia.cli.exits import Exit
from sellia.cli.inspectors import (
    InspectorCalls,
    InspectorFailure,
    inspector_options,
    inspectors,
    knowing,
    one_of,
    run_calls,
)
from sellia.cli.texts import safe

#: Seconds by which an answer of the inspector may be later than the end that it waits for.
_MARGIN = 15.0


@click.command()
@click.argument("id")
@click.option("-X", "--method", help="Another method.")
@click.option("--target", metavar="PATH", help="Another path, with its query.")
@click.option(
    "-H",
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Another field instead of those with this name, or one more; 'NAME:' leaves it out. Can be repeated.",
)
@click.option(
    "-d", "--data", metavar="TEXT|@FILE", help="Another body: a text, the content of a file, or @- for input."
)
@click.option("--tunnel", metavar="NAME", help="Another tunnel of the client.")
@click.option("--speed", type=click.FloatRange(0, 1000), help="Factor of a WebSocket's pace; 0: all at once.")
@click.option(
    "--wait",
    type=click.FloatRange(0, 600),
    default=30.0,
    show_default=True,
    help="Seconds to wait for the end; 0: return at once.",
)
@click.option("-o", "--output", metavar="FILE", help="Write the body of the response there; -: to standard output.")
@inspector_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    id: str,
    headers: tuple[str, ...],
    data: str | None,
    wait: float,
    output: str | None,
    which: str | None,
    url: str | None,
    as_json: bool,
    **edits: Any,
) -> None:
    """Send a request to its service once more, as it was or edited.

    ID is the number that `sellia requests` and the inspector show. The visitor's side of a WebSocket is replayed with
    its timing. It goes to the service on this machine and nowhere else, and what comes of it is kept as an exchange of
    its own. The status is 1 where it did not end plainly well.
    """
    changes = {name: value for name, value in edits.items() if value is not None}
    if data is not None:
        changes |= _body(data)
    fields = [_field(each) for each in headers]
    found = inspectors(which, url, "replay")
    path = f"/api/exchanges/{quote(id, safe='')}"

    async def work(reactor: Any) -> tuple[dict[str, Any], bytes | None]:
        known = await knowing(found, path, reactor)
        if not known:
            raise InspectorFailure(f"No client knows an exchange {safe(id)}, or it is not kept any more.", 404)
        chosen = one_of([each for each, _ in known], id, "replay")
        calls = InspectorCalls(chosen, reactor)
        if fields:
            origin = next(told for each, told in known if each is chosen)
            changes["headers"] = _edited(origin, fields)
        made = await calls.post(f"{path}/replay", {**changes, "wait": wait}, wait + _MARGIN)
        if output is None:
            return made, None
        return made, await calls.body(
            f"/api/exchanges/{quote(str(made.get('id')), safe='')}/response-body", decoded="1"
        )

    exchange, body = run_calls(work)
    _show(exchange, as_json=as_json, aside=output == "-")
    if body is not None and output is not None:
        _write(body, output)
    sys.exit(Exit.FAILED if exchange.get("cause") or (wait and exchange.get("open")) else Exit.OK)


def _show(exchange: Mapping[str, Any], *, as_json: bool, aside: bool) -> None:
    """Print what came of it; ``aside``: on standard error, for the body goes to standard output."""
    if as_json:
        click.echo(json.dumps(exchange), err=aside)
        return
    for line in exchange_lines(exchange):
        click.echo(line, err=aside)


def _write(body: bytes, output: str) -> None:
    if output == "-":
        sys.stdout.buffer.write(body)
        return
    try:
        Path(output).write_bytes(body)
    except OSError as error:
        raise click.ClickException(f"{safe(output)} cannot be written: {error.strerror}.") from None


def _body(data: str) -> dict[str, str]:
    """Return the body that is meant, as the API has it."""
    if not data.startswith("@"):
        return {"body": data}
    from base64 import b64encode

    try:
        content = sys.stdin.buffer.read() if data == "@-" else Path(data[1:]).read_bytes()
    except OSError as error:
        raise click.UsageError(f"{safe(data[1:])} cannot be read: {error.strerror}.") from None
    return {"body_base64": b64encode(content).decode("ascii")}


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.UsageError(f"--header needs a name, a colon and a value, not {safe(text)}.")
    return name.strip(), value.strip()


def _edited(origin: Mapping[str, Any], fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the header fields of a request with those of ``fields`` instead."""
    request = origin.get("request")
    told = request.get("headers") if isinstance(request, Mapping) else None
    gone = {name.lower() for name, _ in fields}
    kept = [(str(each[0]), str(each[1])) for each in told or () if str(each[0]).lower() not in gone]
    return [*kept, *((name, value) for name, value in fields if value)]
