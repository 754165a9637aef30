"""What the API does: replay and compose requests, send into WebSockets, keep and remove exchanges."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec
from twisted.internet.defer import Deferred

from sellia.client.inspector.answers import Answer, ApiError, as_json
from sellia.client.inspector.reading import exchange_of
from sellia.client.inspector.socket_visits import Script
from sellia.client.inspector.sockets import send_frame
from sellia.client.inspector.table import Call
from sellia.client.inspector.visits import Visits
from sellia.client.tunnel import Tunnel
from sellia.inspector.exchange import Exchange
from sellia.inspector.shapes import detail
from sellia.inspector.store import Store, Subscription
from sellia.protocol.messages import Headers, HttpRequest, WebSocketRequest
from sellia.relay.http.framing import plain_length
from sellia.relay.http.validation import check_method, check_target, validate
from sellia.text import decoded
from sellia.transports.reactor.waiting import cancel

#: Seconds that ``wait`` may ask for.
LONGEST_WAIT: Final = 600

#: Fields that concern one connection and not the request, which no opening carries (RFC 9110, 7.6.1).
_HOPS: Final = frozenset(
    (b"connection", b"transfer-encoding", b"keep-alive", b"proxy-connection", b"upgrade", b"proxy-authorization")
)

#: Opcodes of messages that can be sent into a WebSocket, and the one that asks for its end.
_OPCODES: Final = {"text": 1, "binary": 2, "ping": 9, "pong": 10, "close": 8}


class Edit(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is to differ in a replay, or what a request is that is composed; null or left out: as it was.

    ``body`` is text, ``body_base64`` bytes.  ``tunnel`` is the name of the tunnel to send it through.
    """

    tunnel: str | None = None
    method: str | None = None
    target: str | None = None
    headers: list[tuple[str, str]] | None = None
    body: str | None = None
    body_base64: str | None = None

    @property
    def changes(self) -> bool:
        """Whether anything is changed that the service sees."""
        said = (self.method, self.target, self.headers, self.body, self.body_base64)
        return any(each is not None for each in said)

    @property
    def content(self) -> bytes | None:
        """The body that is said, if one is.  Raises ApiError."""
        return content_of(self.body, self.body_base64, "body")


class Replay(Edit, forbid_unknown_fields=True, kw_only=True):
    """How an exchange is replayed.  ``speed`` is how fast the frames of a WebSocket follow each other: 0 is at once."""

    speed: float = 1.0
    wait: float = 0.0  #: seconds to wait for the end


class Compose(Edit, forbid_unknown_fields=True, kw_only=True):
    """A request that is made from nothing.  ``websocket``: it opens one."""

    websocket: bool = False
    wait: float = 0.0


class Several(msgspec.Struct, forbid_unknown_fields=True):
    """Exchanges that are replayed, one after the other."""

    ids: list[str]


class Message(msgspec.Struct, forbid_unknown_fields=True):
    """A message for a WebSocket that is open: ``direction`` is ``to-service`` or ``to-visitor``."""

    direction: str
    opcode: str = "text"
    payload: str | None = None
    payload_base64: str | None = None


class Kept(msgspec.Struct, forbid_unknown_fields=True):
    """Whether "clear" and eviction leave an exchange alone."""

    kept: bool


class Actor(Protocol):
    """Client that is acted on."""

    store: Store
    clock: Any

    @property
    def visits(self) -> Visits:
        """The visits to its tunnels.  Raises ApiError where there is no client."""

    @property
    def client(self) -> Any:
        """The client, a `ClientService`.  Raises ApiError where there is none."""


def content_of(text: str | None, encoded: str | None, name: str) -> bytes | None:
    """Return bytes that are given as text or in base64.  Raises ApiError."""
    if text is not None and encoded is not None:
        raise ApiError(422, "bad-body", f"Give {name} or {name}_base64, not both.")
    if encoded is None:
        return text.encode("utf-8", "surrogatepass") if text is not None else None
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(422, "bad-body", f"{name}_base64 is not base64.") from None


# --- replaying -----------------------------------------------------------------------------------------------------


async def replay(actor: Actor, call: Call) -> Answer:
    """Do an exchange again, as it was or edited."""
    return await _waited(actor, *_replayed(actor, call.path["id"], call.json(Replay)))


async def replay_several(actor: Actor, call: Call) -> Answer:
    """Do exchanges again, one after the other, each once the one before has ended."""
    made = []
    for id in call.json(Several).ids[:1000]:
        exchange, _ = _replayed(actor, id, Replay())
        await _end_of(actor, exchange, LONGEST_WAIT)
        made.append(exchange.id)
    return as_json({"ids": made}, 201)


async def compose(actor: Actor, call: Call) -> Answer:
    """Send a request that is made from nothing."""
    wanted = call.json(Compose)
    tunnel = _tunnel(actor, wanted.tunnel, "")
    headers = fields_of(wanted.headers or [], [])
    method, target, body = method_of(wanted.method, b""), target_of(wanted.target, b"/"), wanted.content or b""
    if not any(name.lower() == b"host" for name, _ in headers):
        headers.insert(0, (b"Host", _host_of(tunnel)))
    if wanted.websocket:
        headers = _handshake(headers)
        exchange = actor.visits.websocket(WebSocketRequest(tunnel.number, target, headers, _VISITOR), Script())
    else:
        headers, chunked = _framed(headers, body, method)
        opening = HttpRequest(tunnel.number, method, target, headers, _VISITOR, chunked)
        exchange = actor.visits.request(opening, body, [])
    return await _waited(actor, exchange, wanted.wait)


_VISITOR: Final = "inspector"


def _replayed(actor: Actor, id: str, wanted: Replay) -> tuple[Exchange, float]:
    origin = exchange_of(actor, id)  # type: ignore[arg-type]  # what it needs of a subject, an actor has
    if origin.kind not in ("http", "websocket"):
        raise ApiError(409, "not-replayable", "Only requests and WebSockets can be replayed.")
    if origin.request_body.truncated and wanted.content is None:
        raise ApiError(409, "not-whole", "The body of this request was too long to be kept whole: give another body.")
    tunnel = _tunnel(actor, wanted.tunnel, origin.tunnel)
    headers = origin.request_headers
    if wanted.headers is not None:
        headers = fields_of(wanted.headers, headers)
    target = target_of(wanted.target, origin.target)
    said = {"replay_of": origin.id, "edited": wanted.changes}
    if origin.kind == "websocket":
        script = script_of(origin, wanted.speed)
        opening = WebSocketRequest(tunnel.number, target, headers, _VISITOR)
        return actor.visits.websocket(opening, script, **said), wanted.wait
    method, content = method_of(wanted.method, origin.method), wanted.content
    body = content if content is not None else bytes(origin.request_body.data)
    trailers = origin.request_trailers if content is None else []
    headers, chunked = _framed(headers, body, method) if wanted.changes else (headers, _was_chunked(origin))
    request = HttpRequest(tunnel.number, method, target, headers, _VISITOR, chunked or bool(trailers))
    return actor.visits.request(request, body, trailers, **said), wanted.wait


def script_of(origin: Exchange, speed: float) -> Script:
    """Return what the visitor of a WebSocket has said.  Raises ApiError where some of it is not kept."""
    timeline = origin.timeline
    if timeline is None:
        return Script()
    if not 0 <= speed <= 1000:
        raise ApiError(422, "bad-body", "speed must be a number from 0 to 1000.")
    opened = origin.answered or origin.started
    frames = []
    gap = timeline.gap
    if gap is not None and gap.from_visitor:
        told = f"{gap.from_visitor} frames of the visitor are not kept any more, so what it said cannot be repeated."
        raise ApiError(409, "not-whole", told)
    for frame in timeline.frames():
        if not frame.from_visitor or frame.injected or frame.opcode == 10:  # pongs answer what is asked then
            continue
        if frame.truncated:
            raise ApiError(409, "not-whole", f"Frame {frame.number} was too long to be kept whole.")
        frames.append(((frame.at - opened) / speed if speed else 0.0, frame.first, frame.payload))
    ended = (origin.ended - opened) / speed if speed and origin.ended is not None else None
    left = ended if frames == [] or frames[-1][1] & 0x0F != 8 else None
    compressed = any(first & 0x40 for _, first, _ in frames)
    return Script(tuple(frames), left, timeline.deflate, compressed)


async def _waited(actor: Actor, exchange: Exchange, seconds: float) -> Answer:
    if not 0 <= seconds <= LONGEST_WAIT:
        raise ApiError(422, "bad-body", f"wait must be a number of seconds, {LONGEST_WAIT} at most.")
    if seconds:
        await _end_of(actor, exchange, seconds)
    return as_json(detail(exchange), 201)


async def _end_of(actor: Actor, exchange: Exchange, seconds: float) -> None:
    """Wait for the end of an exchange, so many seconds at most."""
    over: Deferred[None] = Deferred()

    def look() -> None:
        changed, _ = subscription.take()
        del changed
        if not (exchange.open or over.called):
            over.callback(None)

    # The subscription is looked at in a turn of its own: it calls from within a change.
    subscription: Subscription = actor.store.subscribe(lambda: actor.clock.callLater(0, look))
    timer = actor.clock.callLater(seconds, lambda: None if over.called else over.callback(None))
    try:
        if exchange.open:
            await over
    finally:
        subscription.close()
        cancel(timer)
        if not over.called:
            over.callback(None)


# --- parts of a request -----------------------------------------------------------------------------------------------


def _tunnel(actor: Actor, wanted: str | None, before: str) -> Tunnel:
    """Return the tunnel of that name, the one that an exchange had, or the only one.  Raises ApiError."""
    tunnels = actor.client.session.tunnels
    http = [each for each in tunnels if each.settings.kind == "http"]
    for name in (wanted, before):
        found: Tunnel | None = tunnels.find(name) if name else None
        if found is not None and found in http:
            return found
        if name and name is wanted:
            raise ApiError(409, "unknown-tunnel", "The client has no HTTP tunnel of this name.")
    if len(http) != 1:
        raise ApiError(409, "unknown-tunnel", "Say which tunnel it is to go through.")
    only: Tunnel = http[0]
    return only


def _host_of(tunnel: Tunnel) -> bytes:
    host = tunnel.url.partition("://")[2].partition("/")[0]
    return (host or tunnel.routes.find(b"/")[0].where).encode("ascii", "replace")  # type: ignore[index]


def method_of(wanted: str | None, before: bytes) -> bytes:
    """Return a method, or the one that was there before.  Raises ApiError."""
    method = wanted.encode("utf-8", "surrogatepass") if wanted is not None else before or b"GET"
    try:
        check_method(method)
    except ValueError as error:
        raise ApiError(422, "unsendable", f"The method cannot be sent: {error}.") from None
    return method


def target_of(wanted: str | None, before: bytes) -> bytes:
    """Return a target, or the one that was there before, byte for byte.  Raises ApiError."""
    if wanted is None or wanted == decoded(before):
        return before
    target = wanted.encode("utf-8", "surrogatepass")
    try:
        check_target(target)
    except ValueError as error:
        raise ApiError(422, "unsendable", f"The target cannot be sent: {error}.") from None
    return target


def fields_of(wanted: Sequence[tuple[str, str]], before: Headers) -> Headers:
    """Return header fields; those that were there before byte for byte as they were.  Raises ApiError."""
    known = {(decoded(name), decoded(value)): (name, value) for name, value in before}
    made: Headers = []
    for name, value in wanted:
        pair = known.get((name, value)) or (name.encode("utf-8", "replace"), value.encode("utf-8", "surrogatepass"))
        if pair[0].lower() not in _HOPS:
            made.append(pair)
    try:
        validate(made)
    except ValueError as error:
        raise ApiError(422, "unsendable", f"The header fields cannot be sent: {error}.") from None
    return made


def _framed(headers: Headers, body: bytes, method: bytes) -> tuple[Headers, bool]:
    """Return header fields with the right length of a body, and whether it is sent in chunks instead."""
    length = [value for name, value in headers if name.lower() == b"content-length"]
    if length == [b"%d" % len(body)]:
        return headers, False
    rest = [pair for pair in headers if pair[0].lower() != b"content-length"]
    if not body and method in (b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"TRACE") and not length:
        return rest, False
    return [*rest, (b"Content-Length", b"%d" % len(body))], False


def _was_chunked(origin: Exchange) -> bool:
    """Return whether a request was sent in chunks: it has a body, and no length."""
    lengths = [value for name, value in origin.request_headers if name.lower() == b"content-length"]
    try:
        return not lengths and origin.request_body.length > 0 or bool(lengths) and plain_length(lengths[0]) < 0
    except ValueError:
        return False


def _handshake(headers: Headers) -> Headers:
    """Return the fields of a WebSocket's handshake, with what makes it one."""
    from os import urandom

    own = {b"sec-websocket-key", b"sec-websocket-version"}
    rest = [pair for pair in headers if pair[0].lower() not in own]
    key = base64.b64encode(urandom(16))
    return [*rest, (b"Sec-WebSocket-Version", b"13"), (b"Sec-WebSocket-Key", key)]


# --- WebSockets, and the store --------------------------------------------------------------------------------------


async def send(actor: Actor, call: Call) -> Answer:
    """Send a message into a WebSocket that is open."""
    exchange = exchange_of(actor, call.path["id"])  # type: ignore[arg-type]  # as above
    wanted = call.json(Message)
    if wanted.direction not in ("to-service", "to-visitor"):
        raise ApiError(422, "bad-body", "direction must be to-service or to-visitor.")
    opcode = _OPCODES.get(wanted.opcode)
    if opcode is None:
        raise ApiError(422, "bad-body", f"opcode must be one of {', '.join(_OPCODES)}.")
    payload = content_of(wanted.payload, wanted.payload_base64, "payload") or b""
    number = await send_frame(actor, exchange, wanted.direction == "to-service", opcode, payload)
    return as_json({"number": number}, 201)


def keep(actor: Actor, call: Call) -> Answer:
    """Let "clear" and eviction leave an exchange alone, or not any more."""
    exchange = exchange_of(actor, call.path["id"])  # type: ignore[arg-type]  # as above
    actor.store.keep(exchange, call.json(Kept).kept)
    return as_json({"kept": exchange.kept})


def remove(actor: Actor, call: Call) -> Answer:
    """Let go of one exchange."""
    actor.store.remove(exchange_of(actor, call.path["id"]))  # type: ignore[arg-type]  # as above
    return Answer(204)
