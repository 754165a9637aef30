"""Channel of a request that twisted.web has read, on its way through a tunnel.

`ResourceRequest` stands where the ingress has a visitor's connection: exchanges write to it and are told by it.  It
lives for one request.  When the service agrees to a WebSocket, or a client's link arrives, it takes the socket away
from twisted.web, with the bytes that have come behind the handshake.

Invariants
    * The request is finished, broken off, or taken over; once, and twisted.web is not spoken to after that.
    * No stream is opened while the transport is still full of the response before.

Bounds
    A body has been collected by twisted.web, and leaves that store only as far as the stream takes it.  Of a response,
    no more than the stream's window waits in the transport.

The attributes of ``HTTPChannel`` that a takeover needs have no public names.  They are used in `ResourceRequest.let_go`
and `ResourceRequest.become`, as twisted.web's own WebSocket support uses them, and one more in `ResourceRequest.begin`.
"""

from typing import IO, Any, Final

from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import Request as WebRequest
from zope.interface import implementer

from sellia.errors import ProblemError
from sellia.problems import RESPONSE_TIMEOUT, UPGRADE_REQUIRED
from sellia.protocol.messages import ResponseHead
from sellia.relay.http.forwarded import UNIX, plain_address
from sellia.relay.http.headers import response_to_visitor
from sellia.server.embedding.request_head import read_head, target_of
from sellia.server.ingress.channel import VisitorChannel, error_response
from sellia.server.ingress.closing import LINGER
from sellia.server.ingress.exchange import VisitorHttpLeg
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.ingress import Ingress
from sellia.server.ingress.patience import NEVER
from sellia.server.ingress.routing import enter
from sellia.server.ingress.states import Framing
from sellia.server.ingress.upgrade import VisitorUpgradeLeg

#: Bytes of a collected body that are handed to the stream at a time.
PIECE: Final = 32 * 1024


class _ResourceLeg(VisitorHttpLeg):
    """Leg that leaves the response's framing to twisted.web."""

    __slots__ = ()

    connection: "ResourceRequest"

    def write_head(self, head: ResponseHead, body: bytes) -> None:
        if self._framing is Framing.CHUNKS:
            self._framing = Framing.CLOSE  # nothing of ours around what is written: twisted.web makes the chunks
        self.connection.write_head(head, last=not self.keep_alive)
        if body:
            self.connection.write(body)

    def write_interim(self, head: ResponseHead) -> None:
        """Drop it: twisted.web has no way to write one."""

    @property
    def delimited(self) -> bool:
        return self.connection.chunking or self._left > 0


class _ResourceHttpLeg(_ResourceLeg):
    """Leg of a request and its response."""

    __slots__ = ()


class _ResourceUpgradeLeg(_ResourceLeg, VisitorUpgradeLeg):
    """Leg of a WebSocket handshake."""

    __slots__ = ()


@implementer(IPushProducer)
class ResourceRequest(VisitorChannel):
    """Channel of one request of twisted.web."""

    exchanges = _ResourceHttpLeg
    upgrades = _ResourceUpgradeLeg

    def __init__(self, ingress: Ingress, web: WebRequest) -> None:
        self.ingress = ingress
        self._web: Any = web
        self._channel: Any = web.channel
        self._http1 = isinstance(web.channel, HTTPChannel)
        peer = web.getClientAddress()
        self.peer: str = plain_address(getattr(peer, "host", UNIX))
        self.peer_bytes = b"" if self.peer == UNIX else self.peer.encode("ascii", "replace")
        self.trusted = ingress.trusted.is_trusted(self.peer)
        self.scheme = b"https" if web.isSecure() or ingress.settings.https else b"http"
        self.exchange: VisitorHttpLeg | None = None
        self._body: IO[bytes] | None = None
        self._label = ""
        self._waiting = False
        self._paused = False
        self.full = False
        self._over = False
        self._cut_at = NEVER

    # --- from the Resource ---------------------------------------------------------------------------------

    def begin(self, label: str) -> None:
        """Answer the request, or open a stream for it on the tunnel ``label``."""
        self._label = label
        self._web.notifyFinish().addErrback(self._lost)
        self._web.registerProducer(self, True)
        # A pipelined request can be here while the response before it still fills the transport, which will not say
        # so again: without this wait, a visitor who only asks and never reads would have no bound.
        self._waiting = getattr(self._channel, "_waitingForTransport", False)
        if not self._waiting:
            self._route()

    def become_link(self) -> None:
        """Turn the connection into a link."""
        try:
            request = read_head(self._web)
        except ProblemError as refusal:
            self.answer_error(refusal, None)
            return
        if request.upgrade:
            self.ingress.rooms.take_link(self, request)
        else:
            self.answer_error(ProblemError(UPGRADE_REQUIRED), request)

    def _route(self) -> None:
        try:
            request = read_head(self._web)
            path = target_of(self._web, request)
        except ProblemError as refusal:
            self.answer_error(refusal, None)
            return
        enter(self, request, self._label, path)
        exchange = self.exchange
        if exchange is None:
            return  # it has been answered
        self.ingress.connections.add(self)
        if not exchange.request_complete:
            self._body = self._web.content
            self._pump()
        self.ingress.turn.input_done()

    def _pump(self) -> None:
        """Hand the collected body to the stream, as far as it takes it now."""
        exchange = self.exchange
        while self._body is not None and exchange is not None and not exchange.over and not self._paused:
            piece = self._body.read(PIECE)
            if piece:
                exchange.body_received(piece)
                continue
            self._body = None
            exchange.request_ended([])
            self._await_service()

    def _await_service(self) -> None:
        exchange = self.exchange
        if exchange is not None and not exchange.head_sent:
            exchange.await_service()

    # --- twisted.web: a producer ---------------------------------------------------------------------------

    def resumeProducing(self) -> None:
        self.full = False
        if self._waiting:
            self._waiting = False
            self._route()
        elif self.exchange is not None and self.exchange.stream is not None:
            self.exchange.stream.flow()

    def _lost(self, reason: Failure) -> None:
        """End the exchange: the visitor has left before the response was complete."""
        self._over = True
        self._waiting = False
        self._body = None
        self.ingress.connections.discard(self)
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.visitor_gone()

    # --- for exchanges: a visitor's connection -------------------------------------------------------------

    def write_head(self, head: ResponseHead, *, last: bool) -> None:
        """Write the head of the service's response; ``last`` says that the connection ends with it."""
        web = self._web
        web.setResponseCode(head.status)
        web.code_message = head.reason
        web.defaultContentType = None
        fields = web.responseHeaders
        fields.removeHeader(b"server")
        fields.removeHeader(b"date")
        for name, value in response_to_visitor(head.headers, head.status):
            if name.lower() == b"set-cookie":
                web.cookies.append(value)  # where a Resource above this one may have put others
            else:
                fields.addRawHeader(name, value)
        if last:
            self._last()
        web.write(b"")

    def write(self, data: bytes) -> None:
        """Write part of the response's body, or the head of a 101, of which twisted.web is to know nothing."""
        if self._web.startedWriting:
            self._web.write(data)
        else:
            self._channel.transport.write(data)

    @property
    def transport(self) -> Any:
        """Transport of the socket."""
        return self._channel.transport

    @property
    def chunking(self) -> bool:
        """Whether the response is in chunks."""
        return bool(self._web.chunked)

    def pause_reading(self) -> None:
        self._paused = True
        self._await_service()

    def resume_reading(self) -> None:
        self._paused = False
        if self.exchange is not None:
            self.exchange.deadline = NEVER
        self._pump()

    def answer_error(
        self, error: ProblemError, request: Request | None, exchange: VisitorHttpLeg | None = None, realm: str = ""
    ) -> None:
        web = self._web
        accept = b",".join(web.requestHeaders.getRawHeaders(b"accept", ()))
        response = error_response(error, request, accept=accept, target=web.uri, realm=realm)
        web.setResponseCode(response.status)
        for name, value in response.headers:
            web.responseHeaders.setRawHeaders(name, [value])
        if request is None or request.upgrade:
            self._last()
        web.write(response.body)
        self._finish()

    def exchange_over(self, exchange: VisitorHttpLeg) -> None:
        if exchange.stream is not None:
            exchange.stream.flow()  # what the transport still holds is bounded by the stream's window
        self._finish()

    def break_off(self) -> None:
        exchange, self.exchange = self.exchange, None
        self._web.unregisterProducer()
        if not self._http1:
            self._channel.abortConnection()
        elif exchange is not None and exchange.delimited:
            self._cut_at = self.ingress.clock.seconds() + LINGER
            self._channel.loseConnection()
        else:
            self._channel.transport.abortConnection()

    def let_go(self) -> Any:
        self._web.unregisterProducer()
        self._channel._networkProducer.unregisterProducer()
        return self._channel.transport

    def become(self, protocol: Any) -> None:
        self.ingress.connections.discard(self)
        self.exchange = None
        self._over = True
        channel = self._channel
        gone = channel.connectionLost

        def lost(reason: Failure) -> None:
            protocol.connectionLost(reason)
            gone(reason)

        # What came behind the handshake: twisted.web keeps it for the time after the response.
        rest = b"".join([*channel._dataBuffer, channel.clearLineBuffer()])
        channel._dataBuffer.clear()
        channel.dataReceived = protocol.dataReceived
        channel.connectionLost = lost
        channel.transport.resumeProducing()
        if rest:
            protocol.dataReceived(rest)

    # --- for the ingress -----------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """End what is over its time, once a second."""
        if self._cut_at <= now:
            self.drop()
        elif self.exchange is not None and self.exchange.overdue(now):
            self.exchange.timed_out(RESPONSE_TIMEOUT)

    @property
    def busy(self) -> bool:
        """Whether the visitor waits for the response, or for the rest of it."""
        return not self._over

    def drop(self) -> None:
        """Cut the connection."""
        (self._channel.transport if self._http1 else self._channel).abortConnection()

    # --- inside --------------------------------------------------------------------------------------------

    def _last(self) -> None:
        """Make this response the connection's last."""
        if self._http1:
            self._web.responseHeaders.setRawHeaders(b"connection", [b"close"])
            self._channel.persistent = 0

    def _finish(self) -> None:
        self.ingress.connections.discard(self)
        self.exchange = None
        self._body = None
        if not self._over:
            self._over = True
            self._web.unregisterProducer()
            self._web.finish()
