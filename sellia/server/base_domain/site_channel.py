"""twisted.web Resources on a visitor's connection: for the server's own pages only.

The ingress parses requests itself; what belongs to the base domain is then given to an ordinary
``twisted.web.server.Site`` through the small channel below, which is all that ``twisted.web.http.Request`` needs of
one.  (``twisted.web._http2.H2Stream`` does the same for HTTP/2.)

A Resource runs as soon as the head of the request is there.  It sees neither its body nor its query, as no page needs
them: so nothing is collected, and none of twisted.web's parsers of forms and queries runs.  A connection whose request
was answered before its body had come is closed.
"""

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers as WebHeaders
from twisted.web.server import Request as WebRequest
from twisted.web.server import Site

from sellia.protocol.messages import Headers
from sellia.server.ingress.exchange import Channel, VisitorHttpLeg
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.states import RequestBody, Response
from sellia.transports.reactor.sockets import is_tls


class VisitorPageLeg(VisitorHttpLeg):
    """A request that one of the server's own pages answers."""

    def __init__(self, connection: Channel, request: Request, site: Site, path: bytes) -> None:
        super().__init__(connection, request, float("inf"))
        self.site = site
        self.transport = connection.transport
        self._path = path.partition(b"?")[0]
        self._producer: Any = None
        self._waiting = False
        self._web = web = WebRequest(self, False)
        web.gotLength(0)
        for name, value in request.headers:
            web.requestHeaders.addRawHeader(name, value)

    def run(self) -> None:
        """Answer it now."""
        self.keep_alive = self.keep_alive and self.request_complete
        self._web.requestReceived(self.request.method, self._path, b"HTTP/1.%d" % self.request.minor)

    # --- from the connection -------------------------------------------------------------------------------

    def body_received(self, data: bytes) -> None:
        """Nobody reads it."""

    def request_ended(self, trailers: Headers) -> None:
        self.incoming = RequestBody.COMPLETE

    def overdue(self, now: float) -> bool:
        """A page has as long as it takes: there is no service that is to answer in time."""
        return False

    def visitor_gone(self) -> None:
        self.response = Response.OVER
        if not self._web.finished and not self._web._disconnected:
            self._web.connectionLost(Failure(ConnectionDone()))

    # --- what twisted.web asks of a channel ------------------------------------------------------------------

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: WebHeaders) -> None:
        """The head of the response."""
        if self.over:
            return
        self.response = Response.SENDING
        request = self.request
        parts = [b"HTTP/1.1 %b %b\r\n" % (code, reason)]
        for name, values in headers.getAllRawHeaders():
            if name != b"Server":  # twisted.web's own; a service behind a tunnel is nobody's to tell apart by it
                parts += [b"%b: %b\r\n" % (name, value) for value in values]
        if not request.minor and not headers.hasHeader(b"Content-Length"):
            self.keep_alive = False
        if not self.keep_alive:
            parts.append(b"Connection: close\r\n")
        elif not request.minor:
            parts.append(b"Connection: keep-alive\r\n")
        parts.append(b"\r\n")
        self.connection.write(b"".join(parts))

    def write(self, data: bytes) -> None:
        """Part of the response's body; twisted.web chunks it where it must."""
        if data and not self.over:
            self.connection.write(data)

    def writeSequence(self, pieces: Any) -> None:
        """The same."""
        self.write(b"".join(pieces))

    def requestDone(self, request: WebRequest) -> None:
        """The response is complete."""
        if not self.over:
            self.response = Response.OVER
            self.connection.exchange_over(self)

    def loseConnection(self) -> None:
        """A Resource wants no more of this connection."""
        self.response = Response.OVER
        self.keep_alive = False
        self.connection.break_off()

    abortConnection = loseConnection

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """A producer that can be pulled is, piece by piece, at the visitor's pace.  Pages are small, and need none."""
        if not streaming:
            self._producer = producer
            self.takes_more()

    def unregisterProducer(self) -> None:
        """There is no more."""
        self._producer = None

    def takes_more(self) -> None:
        """The visitor has room: the next piece goes out, and it is seen in the next turn whether there still is."""
        if self._producer is None or self.over or self._web.finished or self.connection.full:
            return
        self._producer.resumeProducing()
        if self._producer is not None and not self._waiting:
            self._waiting = True
            self.connection.ingress.clock.callLater(0, self._next_piece)

    def _next_piece(self) -> None:
        self._waiting = False
        self.takes_more()

    def getPeer(self) -> Any:
        """The visitor's address."""
        return self.connection.transport.getPeer()

    def getHost(self) -> Any:
        """Ours."""
        return self.connection.transport.getHost()

    def isSecure(self) -> bool:
        """Whether the visitor came by TLS."""
        return is_tls(self.connection.transport)
