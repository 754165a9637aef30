"""What the API tells: the status, exchanges, their bodies and messages, and why they ended."""

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from sellia.client.inspector.answers import Answer, ApiError, as_json, attachment
from sellia.client.inspector.events import EventStream
from sellia.client.inspector.table import Call, Result
from sellia.inspector.exchange import Exchange
from sellia.inspector.model import Body
from sellia.inspector.shapes import cause_of, detail, end_of, gap_of, message_of, summary
from sellia.inspector.store import Store
from sellia.inspector.timeline import Timeline

#: Exchanges and messages in one answer: by default, and at most.
PAGE: Final = 1_000
LARGEST_PAGE: Final = 10_000

#: Streams of events at once.
STREAMS: Final = 32

#: Characters of a message's text in a list.
PREVIEW: Final = 2_000


class Subject(Protocol):
    """What is inspected."""

    store: Store
    clock: Any
    streams: set[EventStream]

    def status(self) -> dict[str, Any]:
        """Return what runs, and what is kept."""

    def tunnels(self) -> list[dict[str, Any]]:
        """Return the tunnels."""

    def held(self) -> Any:
        """Return the holds."""

    def cause(self, id: str) -> dict[str, Any] | None:
        """Return a cause by its own id."""


def exchange_of(subject: Subject, id: str) -> Exchange:
    """Return an exchange by its id.  Raises ApiError."""
    exchange = subject.store.get(id)
    if exchange is None:
        raise ApiError(404, "no-such-exchange", "There is no exchange with this id, or it is not kept any more.")
    return exchange


def timeline_of(subject: Subject, id: str) -> Timeline:
    """Return the timeline of a WebSocket.  Raises ApiError."""
    timeline = exchange_of(subject, id).timeline
    if timeline is None:
        raise ApiError(404, "no-messages", "This exchange is no WebSocket, or was never opened as one.")
    return timeline


def status(subject: Subject, call: Call) -> Answer:
    """Answer with what runs, and what is kept."""
    return as_json(subject.status())


def tunnels(subject: Subject, call: Call) -> Answer:
    """Answer with the tunnels."""
    return as_json({"tunnels": subject.tunnels()})


def exchanges(subject: Subject, call: Call) -> Answer:
    """Answer with the exchanges that a filter lets through, oldest first, or the newest with ``last``."""
    store = subject.store
    limit = call.number("limit", PAGE, 1, LARGEST_PAGE)
    after = call.number("after", 0, 0, 1 << 52)
    shown = filter_of(call)
    newest = call.flag("last", False)
    found: list[dict[str, Any]] = []
    more = False
    for exchange in _ordered(store, after, newest):
        if not shown(exchange):
            continue
        if len(found) == limit:
            more = True
            break
        found.append(summary(exchange))
    if newest:
        found.reverse()
    lost = store.lost
    return as_json(
        {
            "exchanges": found,
            "more": more,
            "first": str(store.first),
            "lost": {"exchanges": lost.exchanges, "frames": lost.frames, "bytes": lost.octets, "until": lost.until},
        }
    )


def _ordered(store: Store, after: int, newest: bool) -> Iterator[Exchange]:
    if not newest:
        yield from store.after(after)
        return
    for exchange in store.newest_first():
        if exchange.number <= after:
            return
        yield exchange


def filter_of(call: Call) -> Callable[[Exchange], bool]:
    """Return what says whether an exchange passes the filter of a query.  Raises ApiError."""
    return lambda exchange: True


def exchange(subject: Subject, call: Call) -> Answer:
    """Answer with all of an exchange but its bodies and messages."""
    return as_json(detail(exchange_of(subject, call.path["id"])))


def request_body(subject: Subject, call: Call) -> Answer:
    """Answer with the body of a request, as far as it is kept."""
    exchange = exchange_of(subject, call.path["id"])
    return _body(exchange, exchange.request_body, "request")


def response_body(subject: Subject, call: Call) -> Answer:
    """Answer with the body of a response, as far as it is kept."""
    exchange = exchange_of(subject, call.path["id"])
    return _body(exchange, exchange.response_body, "response")


def _body(exchange: Exchange, body: Body, what: str) -> Answer:
    answer = attachment(bytes(body.data), f"{what}-{exchange.id}.bin")
    answer.headers[b"X-Sellia-Length"] = b"%d" % body.length
    return answer


def messages(subject: Subject, call: Call) -> Answer:
    """Answer with messages of a WebSocket, in the order in which they ended."""
    timeline = timeline_of(subject, call.path["id"])
    limit = call.number("limit", PAGE, 1, LARGEST_PAGE)
    found = timeline.messages(call.number("after", -1, -1, 1 << 52), limit)
    return as_json(
        {
            "messages": [
                {**message_of(each), **_preview(each.payload, each.opcode, each.compressed)} for each in found
            ],
            "next": str(found[-1].number) if found else None,
            "count": timeline.count,
            "under_way": [message_of(each) for each in timeline.under_way()],
            "gap": None if timeline.gap is None else gap_of(timeline.gap),
        }
    )


def _preview(payload: bytes, opcode: int, compressed: bool) -> dict[str, Any]:
    if compressed or opcode != 1:
        return {"text": None}
    return {"text": payload[: PREVIEW * 4].decode("utf-8", "replace")[:PREVIEW]}


def message(subject: Subject, call: Call) -> Answer:
    """Answer with the payload of a message, as far as it is kept."""
    timeline = timeline_of(subject, call.path["id"])
    number = call.path["number"]
    found = timeline.message(int(number)) if number.isascii() and number.isdigit() and len(number) < 16 else None
    if found is None:
        raise ApiError(404, "no-such-message", "There is no message with this number, or it is not kept any more.")
    return attachment(found.payload, f"message-{call.path['id']}-{number}.bin")


def why(subject: Subject, call: Call) -> Answer:
    """Answer with why something ended, by the id of an exchange or of a cause."""
    id = call.path["id"]
    exchange = subject.store.get(id)
    if exchange is None:
        cause = subject.cause(id)
        if cause is None:
            raise ApiError(404, "no-such-end", "Nothing with this id is known, or it is not kept any more.")
        return as_json({"id": id, "exchange": cause.pop("exchange", None), "open": False, "end": None, "cause": cause})
    shown = {"id": id, "exchange": exchange.id, "open": exchange.open}
    return as_json({**shown, "end": end_of(exchange), "cause": cause_of(exchange)})


def clear(subject: Subject, call: Call) -> Answer:
    """Let go of all exchanges that are over and not marked to be kept."""
    return as_json({"cleared": subject.store.clear()})


def events(subject: Subject, call: Call) -> Result:
    """Answer with a stream of what is new."""
    if len(subject.streams) >= STREAMS:
        raise ApiError(503, "too-many-streams", f"{STREAMS} streams of events are open already: close one of them.")
    shown = filter_of(call)
    stream = EventStream(
        subject.store,
        subject,
        subject.clock,
        lambda exchange: summary(exchange) if shown(exchange) else None,
        subject.streams.discard,
    )
    subject.streams.add(stream)
    return stream
