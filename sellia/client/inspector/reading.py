"""What the API tells: the status, exchanges, their bodies and messages, and why they ended."""

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from sellia.client.inspector.answers import Answer, ApiError, as_json, attachment
from sellia.client.inspector.events import EventStream
from sellia.client.inspector.table import Call, Result
from sellia.inspector.decode.content import Content, request_content, response_content
from sellia.inspector.decode.decoded import Decoded
from sellia.inspector.decode.look import about_message, look, look_at_request, look_at_response, opening_of
from sellia.inspector.decode.sockets import Readers
from sellia.inspector.exchange import Exchange
from sellia.inspector.filters import parse
from sellia.inspector.matching import FilterError
from sellia.inspector.model import Body, Message
from sellia.inspector.shapes import cause_of, detail, end_of, gap_of, message_of, summary
from sellia.inspector.store import Store
from sellia.inspector.timeline import Timeline
from sellia.text import printable

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
    readers: Readers

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
    shown = filter_of(subject, call)
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


def filter_of(subject: Subject, call: Call) -> Callable[[Exchange], bool]:
    """Return what says whether an exchange passes the filter of a query.  Raises ApiError."""
    try:
        filter = parse(call.query.get("filter", ""))
    except FilterError as error:
        raise ApiError(400, "bad-filter", f"The filter cannot be read: {error}.") from None
    readers = subject.readers
    return lambda exchange: filter.matches(exchange, readers)


def exchange(subject: Subject, call: Call) -> Answer:
    """Answer with all of an exchange but its bodies and messages."""
    return as_json(detail(exchange_of(subject, call.path["id"])))


def request_body(subject: Subject, call: Call) -> Answer:
    """Answer with the body of a request, as far as it is kept; ``decoded``: without its codings."""
    exchange = exchange_of(subject, call.path["id"])
    return _body(exchange, exchange.request_body, request_content, "request", call)


def response_body(subject: Subject, call: Call) -> Answer:
    """Answer with the body of a response, as far as it is kept; ``decoded``: without its codings."""
    exchange = exchange_of(subject, call.path["id"])
    return _body(exchange, exchange.response_body, response_content, "response", call)


def _body(exchange: Exchange, body: Body, decode: Callable[[Exchange], Content], what: str, call: Call) -> Answer:
    if call.flag("decoded", False):
        return _content(decode(exchange), f"{what}-{exchange.id}.bin")
    answer = attachment(bytes(body.data), f"{what}-{exchange.id}.bin")
    answer.headers[b"X-Sellia-Length"] = b"%d" % body.length
    return answer


def _content(content: Content, name: str) -> Answer:
    """Return what was decoded, with what is missing or wrong in a field."""
    answer = attachment(content.data, name)
    if content.truncated:
        answer.headers[b"X-Sellia-Truncated"] = b"1"
    if content.problem:
        answer.headers[b"X-Sellia-Problem"] = printable(content.problem).encode("ascii", "backslashreplace")
    return answer


def request_look(subject: Subject, call: Call) -> Answer:
    """Answer with what a decoder finds in the body of a request."""
    exchange = exchange_of(subject, call.path["id"])
    return _looked(request_content(exchange), look_at_request(exchange))


def response_look(subject: Subject, call: Call) -> Answer:
    """Answer with what a decoder finds in the body of a response."""
    exchange = exchange_of(subject, call.path["id"])
    return _looked(response_content(exchange), look_at_response(exchange))


def message_look(subject: Subject, call: Call) -> Answer:
    """Answer with what a decoder finds in a message."""
    exchange = exchange_of(subject, call.path["id"])
    content = subject.readers.content(exchange, message_of_call(subject, call))
    about = about_message(exchange, message_of_call(subject, call), opened_by(subject, exchange))
    return _looked(content, look(content.data, about))


def _looked(content: Content, found: Decoded) -> Answer:
    told = {"bytes": len(content.data), "truncated": content.truncated, "problem": content.problem}
    return as_json({**told, "content": found})


def opened_by(subject: Subject, exchange: Exchange) -> bytes:
    """Return the first message of a WebSocket's visitor, which says what is spoken."""
    opening = opening_of(exchange)
    return subject.readers.content(exchange, opening).data if opening is not None else b""


def messages(subject: Subject, call: Call) -> Answer:
    """Answer with messages of a WebSocket, in the order in which they ended."""
    timeline = timeline_of(subject, call.path["id"])
    exchange = exchange_of(subject, call.path["id"])
    limit = call.number("limit", PAGE, 1, LARGEST_PAGE)
    found = timeline.messages(call.number("after", -1, -1, 1 << 52), limit)
    looks = call.flag("decoded", False)
    opened = opened_by(subject, exchange) if looks else b""
    return as_json(
        {
            "messages": [_message(subject, exchange, each, opened, looks=looks) for each in found],
            "next": str(found[-1].number) if found else None,
            "count": timeline.count,
            "under_way": [message_of(each) for each in timeline.under_way()],
            "gap": None if timeline.gap is None else gap_of(timeline.gap),
        }
    )


def _message(subject: Subject, exchange: Exchange, message: Message, opened: bytes, *, looks: bool) -> dict[str, Any]:
    """Return a message with the beginning of its text, and with what a decoder says of it if that is wanted."""
    told = message_of(message)
    if message.opcode not in (1, 2):
        return {**told, "text": _said(message), "inflated": None, **({"decoder": None, "title": None} if looks else {})}
    content = subject.readers.content(exchange, message)
    text = None
    if message.opcode == 1 and not (message.compressed and content.problem and not content.data):
        text = content.data[: PREVIEW * 4].decode("utf-8", "replace")[:PREVIEW]
    told |= {"text": text, "inflated": len(content.data) if message.compressed else None}
    if looks:
        found = look(content.data, about_message(exchange, message, opened))
        told |= {"decoder": found.decoder, "title": found.title}
    return told


def _said(message: Message) -> str | None:
    """Return what a control frame says: the code and reason of a close, the text of a ping or pong."""
    payload = bytes(message.payload)
    if message.opcode == 8 and len(payload) >= 2:
        return f"{int.from_bytes(payload[:2], 'big')} {payload[2:].decode('utf-8', 'replace')}".rstrip()
    return payload.decode("utf-8", "replace") or None


def message_of_call(subject: Subject, call: Call) -> Message:
    """Return the message that is asked for.  Raises ApiError."""
    timeline = timeline_of(subject, call.path["id"])
    number = call.path["number"]
    found = timeline.message(int(number)) if number.isascii() and number.isdigit() and len(number) < 16 else None
    if found is None:
        raise ApiError(404, "no-such-message", "There is no message with this number, or it is not kept any more.")
    return found


def message(subject: Subject, call: Call) -> Answer:
    """Answer with the payload of a message, as far as it is kept; ``decoded``: inflated."""
    found = message_of_call(subject, call)
    name = f"message-{call.path['id']}-{found.number}.bin"
    if call.flag("decoded", False):
        return _content(subject.readers.content(exchange_of(subject, call.path["id"]), found), name)
    return attachment(found.payload, name)


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
    shown = filter_of(subject, call)
    stream = EventStream(
        subject.store,
        subject,
        subject.clock,
        lambda exchange: summary(exchange) if shown(exchange) else None,
        subject.streams.discard,
    )
    subject.streams.add(stream)
    return stream
