"""Capture: the observer that puts what passes at a client's legs into the store, with the time at which it did.

Need
    Everything that a visitor and a service say to each other is to be looked at later, or while it passes, and the
    relay must not notice.

Invariants
    * Whatever is told of a stream whose exchange is kept is kept or counted: in a body's length, in a timeline's gap,
      or in what the store has lost.
    * Times never go backwards.

Bounds
    Those of the store.  ``INTERIM`` interim responses of one exchange are kept; a link's history has ``MARKS`` entries,
    and so has each exchange.  Exchanges that are over are found by their stream as long as they are among the last
    ``ENDED``, for causes that become known late.

Cost
    A frame costs one object, and no copy; nothing is parsed, decoded or joined.

Designs not chosen
    *A capture for all sessions of a client*: streams of two sessions may have one number, and the sockets of the
    first may outlive it.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Final, Literal

from sellia.inspector.exchange import Exchange, cost_of_end, cost_of_head, new_exchange
from sellia.inspector.extensions import deflate_of
from sellia.inspector.model import FIELD_COST, End, Interim, LinkMark, LinkState
from sellia.inspector.store import Store
from sellia.inspector.timeline import Timeline
from sellia.protocol.messages import (
    Headers,
    HttpRequest,
    Opening,
    ResponseHead,
    TcpConnection,
    UdpFlow,
    UpgradeRequest,
    WebSocketRequest,
)
from sellia.relay.http.headers import values_of
from sellia.relay.mux.observer import EndedBy
from sellia.text import decoded
from sellia.why.cause import Cause

#: Interim responses of one exchange that are kept, losses and returns of the link, and ended exchanges by stream.
INTERIM: Final = 32
MARKS: Final = 256
ENDED: Final = 1024

_NO_END: Final = End("sellia")


class Capture:
    """Capture of one client.

    ``now`` returns seconds that never go backwards, and ``epoch`` what to add to make them seconds since 1970.
    ``tunnel`` names a tunnel by its number in its session.  ``link`` tells of the link as a stream begins.
    ``answered`` is told of each request whose response has passed whole, with its stream.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], float],
        epoch: float = 0.0,
        tunnel: Callable[[int], str] = str,
        link: Callable[[int], LinkState | None] = lambda _: None,
        answered: Callable[["SessionCapture", int, Exchange], None] | None = None,
    ) -> None:
        self.store = store
        self.answered = answered
        self.tunnel = tunnel
        self.link = link
        self._now = now
        self._epoch = epoch
        #: What happened to the link, oldest first.
        self.marks: deque[LinkMark] = deque(maxlen=MARKS)
        self._open: dict[int, Exchange] = {}
        #: Whether new exchanges are not kept, because somebody has said so; those that are open go on.
        self.paused = False

    def now(self) -> float:
        """Return the time, as exchanges have it."""
        return self._now() + self._epoch

    def session(self) -> "SessionCapture":
        """Return the observer of a session that begins."""
        return SessionCapture(self)

    def link_changed(self, what: Literal["lost", "resumed", "expired"]) -> None:
        """Mark a change of the link, on all that is open too.  What is said again is no change."""
        if self.marks and self.marks[-1].what == what:
            return
        mark = LinkMark(self.now(), what)
        self.marks.append(mark)
        for exchange in self._open.values():
            if len(exchange.marks) < MARKS and not exchange.evicted:
                exchange.marks += (mark,)
                self.store.grown(exchange, FIELD_COST)

    def refused(
        self,
        *,
        tunnel: str,
        status: int,
        word: str,
        message: str,
        method: str = "",
        target: bytes = b"",
        visitor: str = "",
        websocket: bool = False,
        cause: Cause | None = None,
    ) -> Exchange:
        """Keep a request that the server has answered itself, as its notice tells of it."""
        now = self.now()
        exchange = new_exchange(
            self.store.next_number(),
            "websocket" if websocket else "http",
            tunnel=tunnel,
            visitor=visitor,
            method=method.encode("utf-8", "replace"),
            target=target,
            started=now,
        )
        exchange.status, exchange.ended, exchange.end = status, now, End("sellia", word, message)
        exchange.cause = cause
        exchange.cost += cost_of_end(exchange.end, cause)
        self.store.add(exchange)
        self.store.over(exchange)
        return exchange

    def begin(self, exchange: Exchange) -> None:
        """For a session: keep an exchange that has begun."""
        self._open[exchange.number] = exchange
        self.store.add(exchange)

    def end(self, exchange: Exchange) -> None:
        """For a session: an exchange is over."""
        self._open.pop(exchange.number, None)
        self.store.over(exchange)


class SessionCapture:
    """Observer of one session's streams (`sellia.relay.mux.observer.StreamObserver`)."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._store = capture.store
        self._now = capture.now
        self._open: dict[int, Exchange] = {}
        self._ended: OrderedDict[int, Exchange] = OrderedDict()
        self._expected: dict[int, dict[str, Any]] = {}

    # --- for the inspector --------------------------------------------------------------------------------------

    def exchange(self, stream_id: int) -> Exchange | None:
        """Return the exchange of a stream that is open, or has ended lately."""
        return self._open.get(stream_id) or self._ended.get(stream_id)

    def expect(self, stream_id: int, **values: Any) -> None:
        """Say of a stream that opens next what its opening does not: ``origin``, ``replay_of``, ``edited``."""
        self._expected[stream_id] = values

    def injected(self, stream_id: int, from_visitor: bool, first: int, payload: bytes) -> None:
        """Keep a frame that was sent from the inspector."""
        exchange = self._open.get(stream_id)
        if exchange is not None and exchange.timeline is not None:
            self._store.grown(exchange, exchange.timeline.add(self._now(), from_visitor, first, payload, True))

    # --- a StreamObserver ---------------------------------------------------------------------------------------

    def request(self, stream_id: int, opening: Opening) -> None:
        capture = self._capture
        values = self._expected.pop(stream_id, {})
        if capture.paused and not values:
            return
        exchange = exchange_of(self._store.next_number(), opening)
        exchange.tunnel = capture.tunnel(opening.tunnel)
        exchange.started = self._now()
        exchange.link = capture.link(stream_id)
        for name, value in values.items():
            setattr(exchange, name, value)
        if isinstance(opening, UdpFlow):
            exchange.timeline = self._timeline(datagrams=True)
        self._open[stream_id] = exchange
        capture.begin(exchange)

    def rewritten(self, stream_id: int, target: bytes, headers: Headers) -> None:
        exchange = self._open.get(stream_id)
        if exchange is None or exchange.evicted:
            return
        if target != exchange.target:
            exchange.sent_target = target
        if headers != exchange.request_headers:
            exchange.sent_headers = headers
        self._store.grown(exchange, cost_of_head(headers) + len(target))

    def sent(self, stream_id: int) -> None:
        exchange = self._open.get(stream_id)
        if exchange is not None:
            exchange.sent = self._now()

    def response(self, stream_id: int, head: ResponseHead) -> None:
        exchange = self._open.get(stream_id)
        if exchange is None or exchange.evicted:
            return
        cost = cost_of_head(head.headers) + len(head.reason)
        if head.status < 200 and head.status != 101:
            if len(exchange.interim) < INTERIM:
                exchange.interim += (Interim(self._now(), head.status, head.reason, head.headers),)
                self._store.grown(exchange, cost + FIELD_COST)
            return
        exchange.status, exchange.reason, exchange.response_headers = head.status, head.reason, head.headers
        exchange.answered = self._now()
        if head.status == 101 and exchange.kind == "websocket":
            exchange.timeline = line = self._timeline()
            line.deflate = deflate = deflate_of(head.headers)
            if deflate is not None:
                line.contexts = deflate.contexts()
            line.subprotocol = decoded(b",".join(values_of(head.headers, b"sec-websocket-protocol")))
        self._store.grown(exchange, cost)

    def body(self, stream_id: int, from_visitor: bool, data: bytes) -> None:
        exchange = self._open.get(stream_id)
        if exchange is None:
            return
        store = self._store
        if exchange.evicted:
            store.passed_unkept(len(data))
            return
        body = exchange.request_body if from_visitor else exchange.response_body
        store.grown(exchange, body.add(data, self._now(), store.kept_limit))

    def trailers(self, stream_id: int, from_visitor: bool, headers: Headers) -> None:
        exchange = self._open.get(stream_id)
        if exchange is None or exchange.evicted:
            return
        if from_visitor:
            exchange.request_trailers = headers
        else:
            exchange.response_trailers = headers
        self._store.grown(exchange, cost_of_head(headers))

    def frame(self, stream_id: int, from_visitor: bool, first: int, payload: bytes) -> None:
        exchange = self._open.get(stream_id)
        if exchange is None:
            return
        line = exchange.timeline
        if line is None:
            self._store.passed_unkept(len(payload), 1)
            return
        self._store.grown(exchange, line.add(self._now(), from_visitor, first, payload))

    def frame_begun(self, stream_id: int, from_visitor: bool, first: int, length: int) -> None:
        exchange = self._open.get(stream_id)
        if exchange is None:
            return
        if exchange.timeline is None:
            self._store.passed_unkept(length, 1)
            return
        self._store.grown(exchange, exchange.timeline.begin_frame(self._now(), from_visitor, first, length))

    def frame_continued(self, stream_id: int, from_visitor: bool, payload: bytes) -> None:
        exchange = self._open.get(stream_id)
        if exchange is not None and exchange.timeline is not None:
            self._store.grown(exchange, exchange.timeline.continue_frame(from_visitor, payload))

    def explained(self, stream_id: int, cause: Cause) -> None:
        exchange = self.exchange(stream_id)
        if exchange is not None and not exchange.evicted:
            exchange.cause = cause
            self._store.grown(exchange, cost_of_end(_NO_END, cause))

    def ended(self, stream_id: int, by: EndedBy, code: int | str | None, reason: str) -> None:
        exchange = self._open.pop(stream_id, None)
        if exchange is None:
            return
        if exchange.timeline is not None:
            self._store.grown(exchange, exchange.timeline.finish())
        exchange.ended = self._now()
        if not exchange.evicted:
            exchange.end = end = End(by, code, reason)
            self._store.grown(exchange, cost_of_end(end, None))
        self._ended[stream_id] = exchange
        if len(self._ended) > ENDED:
            self._ended.popitem(last=False)
        capture = self._capture
        capture.end(exchange)
        if by == "service" and capture.answered is not None and exchange.kind == "http" and not exchange.evicted:
            capture.answered(self, stream_id, exchange)

    # --- inside -------------------------------------------------------------------------------------------------

    def _timeline(self, datagrams: bool = False) -> Timeline:
        store = self._store
        return Timeline(limit=store.timeline_limit, message_limit=store.kept_limit, datagrams=datagrams)


def exchange_of(number: int, opening: Opening) -> Exchange:
    """Return the exchange that an opening begins."""
    if isinstance(opening, HttpRequest):
        values = {"method": opening.method, "minor": opening.minor}
        return new_exchange(
            number, "http", visitor=opening.visitor, target=opening.target, request_headers=opening.headers, **values
        )
    if isinstance(opening, WebSocketRequest | UpgradeRequest):
        websocket = isinstance(opening, WebSocketRequest)
        return new_exchange(
            number,
            "websocket" if websocket else "upgrade",
            visitor=opening.visitor,
            method=b"GET" if isinstance(opening, WebSocketRequest) else opening.method,
            target=opening.target,
            request_headers=opening.headers,
        )
    kind: Literal["tcp", "udp"] = "tcp" if isinstance(opening, TcpConnection) else "udp"
    return new_exchange(number, kind, visitor=opening.visitor, visitor_port=opening.port)
