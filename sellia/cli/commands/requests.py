"""``sellia requests``: what has passed through the tunnels of a running client, as its inspector has kept it."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import click

from sellia.cli.exchange_lines import exchange_lines
from sellia.cli.exits import Exit
from sellia.cli.inspectors import InspectorCalls, InspectorFailure, inspector_options, inspectors, only, run_calls

#: Bytes of one event, at most: 200 exchanges.
EVENT_LIMIT: Final = 16 * 1024 * 1024


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on: print each one as it comes and as it ends, until Ctrl-C.")
@click.option(
    "--filter", "filter", metavar="TERMS", default="", help="Only those that fit, as in the inspector's page."
)
@click.option(
    "-n",
    "--number",
    type=click.IntRange(0, 10_000),
    default=50,
    show_default=True,
    help="How many at most, the latest ones.",
)
@inspector_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object on each line.")
def command(follow: bool, filter: str, number: int, which: str | None, url: str | None, as_json: bool) -> None:
    """List requests and WebSockets of a client that runs, oldest first.

    TERMS are such as `method:POST status:5xx path:/api -host:x is:websocket has:error body:"text"`. The numbers in
    front are those that `sellia replay` and `sellia why` take.
    """
    inspector = only(inspectors(which, url, "requests"), "requests")
    printer = Printer(as_json=as_json)

    async def listed(calls: InspectorCalls) -> None:
        if number:
            told = await calls.get("/api/exchanges", filter=filter, last="1", limit=str(number))
            for each in _objects(told.get("exchanges")):
                printer.show(each)

    async def work(reactor: Any) -> None:
        calls = InspectorCalls(inspector, reactor)
        if follow:
            await _followed(calls, filter, printer, listed)
        else:
            await listed(calls)

    run_calls(work)


class Printer:
    """Prints exchanges: as JSON whenever one has changed, as lines when one has opened or ended."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        #: What was shown last of exchanges that are open still.
        self._open: dict[str, Any] = {}
        self._last = 0

    def show(self, exchange: Mapping[str, Any]) -> None:
        """Print an exchange, if that is new."""
        id, version = str(exchange.get("id")), exchange.get("version")
        is_open = bool(exchange.get("open"))
        state = version if self._as_json else exchange.get("status")
        if id in self._open and is_open and self._open[id] == state:
            return
        number = int(id) if id.isascii() and id.isdigit() and len(id) < 16 else 0
        if not is_open and id not in self._open and 0 < number <= self._last:
            return  # it was shown with its end
        if is_open:
            self._open[id] = state
        else:
            self._open.pop(id, None)
        self._last = max(self._last, number)
        if self._as_json:
            click.echo(json.dumps(exchange))
            return
        if is_open and not isinstance(exchange.get("status"), int):
            return  # a request that is under way: there is a line when it is answered
        for line in exchange_lines(exchange):
            click.echo(line)


async def _followed(
    calls: InspectorCalls, filter: str, printer: Printer, listed: Callable[[InspectorCalls], Awaitable[None]]
) -> None:
    """Print what is kept once the stream has begun, so that nothing is missed, and then what the stream says."""
    from twisted.internet.defer import Deferred

    from sellia.errors import UnreachableError

    def begin() -> None:
        listing: Deferred[None] = Deferred.fromCoroutine(_listed())
        listing.addErrback(lambda failure: None if stream.called else stream.errback(failure))

    async def _listed() -> None:
        await listed(calls)
        events.go_on()

    async def _streamed() -> None:
        try:
            await calls.follow("/api/events", events.take, filter=filter)
        except UnreachableError:
            if not events.begun:
                raise
        raise InspectorFailure(f"{calls.inspector.shown} has ended.", exit_code=Exit.UNREACHABLE)

    events = Events(printer, begin)
    stream: Deferred[None] = Deferred()
    streamed: Deferred[None] = Deferred.fromCoroutine(_streamed())
    streamed.addErrback(lambda failure: None if stream.called else stream.errback(failure))
    await stream


class Events:
    """Reads the stream of events (WHATWG HTML, 9.2), and has exchanges printed.

    ``begin`` is called when it has begun; what it says from then on waits for `go_on`.
    """

    def __init__(self, printer: Printer, begin: Callable[[], object]) -> None:
        self._printer = printer
        self._begin = begin
        self._buffer = bytearray()
        self._waiting: list[dict[str, Any]] | None = []
        #: Whether the stream has begun.
        self.begun = False

    def go_on(self) -> None:
        """Print what has come meanwhile, and whatever comes."""
        waiting, self._waiting = self._waiting or [], None
        for each in waiting:
            self._printer.show(each)

    def take(self, data: bytes) -> None:
        """Read what has come.  Raises UnreachableError for an event that is too long."""
        self._buffer += data
        while (end := self._buffer.find(b"\n\n")) >= 0:
            event = bytes(self._buffer[:end])
            del self._buffer[: end + 2]
            self._event(event)
        if len(self._buffer) > EVENT_LIMIT:
            from sellia.errors import UnreachableError

            raise UnreachableError("What answers there is no inspector: one of its events is too long.")

    def _event(self, event: bytes) -> None:
        fields = dict(line.partition(b": ")[::2] for line in event.split(b"\n"))
        if fields.get(b"event") == b"hello" and not self.begun:
            self.begun = True
            self._begin()
        if fields.get(b"event") != b"exchanges":
            return
        try:
            told = json.loads(fields.get(b"data", b""))
        except ValueError:
            return
        for each in _objects(told.get("changed") if isinstance(told, dict) else None):
            if self._waiting is None:
                self._printer.show(each)
            else:
                self._waiting.append(each)


def _objects(told: object) -> list[dict[str, Any]]:
    return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []
