"""Channel for twisted.web Resources on a visitor's connection: for the server's own pages only.

The ingress parses requests itself; what belongs to the base domain is then given to an ordinary
``twisted.web.server.Site`` through the small channel below, which is all that ``twisted.web.http.Request`` needs of
one.  (``twisted.web._http2.H2Stream`` does the same for HTTP/2.)

A Resource runs as soon as the head of the request is there.  It sees neither its body nor its query, as no page needs
them: so nothing is collected, and none of twisted.web's parsers of forms and queries runs.  A connection whose request
was answered before its body had come is closed.  Where a body is wanted, up to a bound, the Resource runs when all of
it is there.
"""

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers as WebHeaders
from twisted.web.server import Request as WebRequest
from twisted.web.server import Site

from sellia.problems import BODY_TOO_LARGE
from sellia.protocol.messages import Headers
from sellia.server.ingress.exchange import Channel, VisitorHttpLeg
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.states import RequestBody, Response
from sellia.transports.reactor.sockets import is_tls


class VisitorPageLeg(VisitorHttpLeg):
    """Leg of a request that one of the server's own pages answers; twisted.web's channel at the same time."""

    def __init__(self, connection: Channel, request: Request, site: Site, path: bytes, wanted: int = 0) -> None:
        super().__init__(connection, request, float("inf"))
        #: Bytes of a body that are collected at most, before the Resource runs; 0 for none.
        self._wanted = wanted
        self._body = bytearray()
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
        """Let twisted.web answer, or when the body is there that is wanted."""
        if self._wanted and not self.request_complete:
            return
        self._wanted = 0
        if self._body and self._web.content is not None:
            self._web.content.write(self._body)
        self.keep_alive = self.keep_alive and self.request_complete
        self._web.requestReceived(self.request.method, self._path, b"HTTP/1.%d" % self.request.minor)

    # --- from the connection -------------------------------------------------------------------------------

    def body_received(self, data: bytes) -> None:
        """Collect it where it is wanted, or drop it: no page reads a body."""
        if not self._wanted:
            return
        self._body += data
        if len(self._body) > self._wanted:
            limit, self._wanted = self._wanted, 0
            self.fail(BODY_TOO_LARGE, f"A body has at most {limit >> 10} KiB here.")

    def request_ended(self, trailers: Headers) -> None:
        self.incoming = RequestBody.COMPLETE
        if self._wanted and not self.over:
            self.run()

    def overdue(self, now: float) -> bool:
        """Return False: there is no service that is to answer in time."""
        return False

    def visitor_gone(self) -> None:
        self.response = Response.OVER
        if not self._web.finished and not self._web._disconnected:
            self._web.connectionLost(Failure(ConnectionDone()))

    # --- what twisted.web asks of a channel ------------------------------------------------------------------

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: WebHeaders) -> None:
        """Write the head of the response."""
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
        """Write part of the response's body, which twisted.web has chunked where it must."""
        if data and not self.over:
            self.connection.write(data)

    def writeSequence(self, pieces: Any) -> None:
        """Write pieces of the response's body."""
        self.write(b"".join(pieces))

    def requestDone(self, request: WebRequest) -> None:
        """End a complete response."""
        if not self.over:
            self.response = Response.OVER
            self.connection.exchange_over(self)

    def loseConnection(self) -> None:
        """Break the connection off, as a Resource wishes."""
        self.response = Response.OVER
        self.keep_alive = False
        self.connection.break_off()

    abortConnection = loseConnection

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pull from a producer at the visitor's pace; one that pushes is left alone, as pages are small."""
        if not streaming:
            self._producer = producer
            self.takes_more()

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        self._producer = None

    def takes_more(self) -> None:
        """Write the next piece if the visitor has room, and look again in the next turn of the reactor."""
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
        """Return the visitor's address."""
        return self.connection.transport.getPeer()

    def getHost(self) -> Any:
        """Return the server's own address."""
        return self.connection.transport.getHost()

    def isSecure(self) -> bool:
        """Return whether the visitor came by TLS."""
        return is_tls(self.connection.transport)
