"""twisted.web Resources on a visitor's connection: for the server's own pages only.

The ingress parses requests itself; what belongs to the base domain is then given to an ordinary
``twisted.web.server.Site`` through the small channel below, which is all that ``twisted.web.http.Request`` needs of
one.  (``twisted.web._http2.H2Stream`` does the same for HTTP/2.)

Bounds: a body is collected before the Resource runs, so it may have ``page_body_limit`` octets: 413 beyond that.
"""

from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers as WebHeaders
from twisted.web.server import Request as WebRequest
from twisted.web.server import Site

from sellia.errors import PROBLEMS
from sellia.protocol.messages import Headers
from sellia.server.exchange import HttpExchange
from sellia.server.http1 import Request

if TYPE_CHECKING:
    from sellia.server.connection import VisitorConnection


class PageExchange(HttpExchange):
    """A request that one of the server's own pages answers."""

    connection: "VisitorConnection"

    def __init__(self, connection: "VisitorConnection", request: Request, site: Site, path: bytes) -> None:
        super().__init__(connection, request, float("inf"))
        self.site = site
        self.transport = connection.transport
        self._path = path
        self._size = 0
        self._limit = connection.ingress.settings.page_body_limit
        self._web = web = WebRequest(self, False)
        web.gotLength(0)  # whatever it is: beyond the limit there is none, and up to that there is no temporary file
        for name, value in request.headers:
            web.requestHeaders.addRawHeader(name, value)
        web.parseCookies()

    def run(self) -> None:
        """For a request without a body: answer it now."""
        if self.request_complete:
            self._web.requestReceived(self.request.method, self._path, b"HTTP/1.%d" % self.request.minor)

    # --- from the connection -------------------------------------------------------------------------------

    def body_received(self, data: bytes) -> None:
        if self.over:
            return
        self._size += len(data)
        if self._size > self._limit:
            self.over = True
            connection = self.connection
            connection.ingress.guard.refused("page_body", connection.visitor_of(self.request), 413)
            connection.answer_problem(PROBLEMS["body-too-large"], self.request, "", self)
            return
        self._web.handleContentChunk(data)

    def request_ended(self, trailers: Headers) -> None:
        if self.request_complete:
            return  # it had no body: it has run already
        self.request_complete = True
        if not self.over:
            self._web.requestReceived(self.request.method, self._path, b"HTTP/1.%d" % self.request.minor)

    def overdue(self, now: float) -> bool:
        """A page has as long as it takes: there is no service that is to answer in time."""
        return False

    def visitor_gone(self) -> None:
        self.over = True
        if not self._web.finished and not self._web._disconnected:
            self._web.connectionLost(Failure(ConnectionDone()))

    # --- what twisted.web asks of a channel ------------------------------------------------------------------

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: WebHeaders) -> None:
        """The head of the response."""
        if self.over:
            return
        self.head_sent = True
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
            self.over = True
            self.connection.exchange_over(self)

    def loseConnection(self) -> None:
        """A Resource wants no more of this connection."""
        self.over = True
        self.keep_alive = False
        self.connection.break_off()

    abortConnection = loseConnection

    def _respondToBadRequestAndDisconnect(self) -> None:
        """twisted.web could not make sense of a form."""
        self._web.finished = 1
        self.over = True
        self.connection.answer_problem(PROBLEMS["bad-request"], self.request, "", self)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pages are small: whoever produces is not slowed down, the connection's buffer takes it."""
        if not streaming:
            while not self.over and not self._web.finished:
                producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """See registerProducer."""

    def getPeer(self) -> Any:
        """The visitor's address."""
        return self.connection.transport.getPeer()

    def getHost(self) -> Any:
        """Ours."""
        return self.connection.transport.getHost()

    def isSecure(self) -> bool:
        """Whether the visitor came by TLS."""
        return hasattr(self.connection.transport, "getPeerCertificate")
