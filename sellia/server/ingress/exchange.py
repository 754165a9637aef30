"""One request and its response, as the visitor's connection sees it: the server's leg of an HTTP stream.

The response's framing towards the visitor is made here, from what the stream brings: a Content-Length passes and is
held to, octet for octet; a body of unknown length is chunked for HTTP/1.1 and ends with the connection for HTTP/1.0.
A client that says one thing and does another cannot make the next response on the connection begin in the wrong place.

A response ends as complete only when the stream has ended as complete.  In every other case the connection is broken.
"""

from typing import Any, Final, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sellia.errors import ProblemError, ProtocolError
from sellia.problems import (
    BAD_SERVICE_RESPONSE,
    RESPONSE_COMPLETE,
    UPGRADE_TIMEOUT,
    VISITOR_GONE,
    Problem,
)
from sellia.protocol.messages import Headers, ResponseHead, TunnelOptions
from sellia.relay.http.error_responses import public_detail
from sellia.relay.http.headers import response_to_visitor, trailers_to_pass, validate_response
from sellia.relay.http.interim import InterimPace, section_size
from sellia.relay.http.responses import check_head
from sellia.relay.mux.leg import StrictLeg
from sellia.relay.mux.stream import Stream, StreamOwner
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.interim import expects_continue
from sellia.server.ingress.patience import explain_timeout
from sellia.server.limiter import Limiter
from sellia.server.settings import ServerSettings
from sellia.text import field, sentence
from sellia.transports.reactor.verbosity import verbosity
from sellia.transports.websocket.pipe import VisitorWebSocketFactory

#: The one interim response for a proxy that does not know the others.
_CONTINUE: Final = ResponseHead(100, b"Continue", [])

_NEVER: Final = float("inf")
_NO_OPTIONS: Final = TunnelOptions()

#: A field's line from its name and value.
_field: Final = b": ".join

_CHUNK_END: Final = b"\r\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"

#: Responses that have no body whatever they say (RFC 9112, 6.3), besides those to HEAD.
_BODILESS: Final = frozenset((204, 304))

_log = Logger()


def status_line(head: ResponseHead) -> bytes:
    """The first line of a response."""
    return b"HTTP/1.1 %d %s\r\n" % (head.status, head.reason)


class Shared(Protocol):
    """State that the connections of one server share, as far as their legs use it."""

    settings: ServerSettings
    clock: IReactorTime
    guard: Limiter
    pipes: VisitorWebSocketFactory


class Channel(Protocol):
    """Connection that carries a request, as the request's leg and the base domain use it."""

    peer: str  #: address of the other end of the socket, empty for a unix socket
    trusted: bool  #: whether the peer is a trusted proxy
    full: bool  #: whether the transport's buffer is full

    @property
    def ingress(self) -> Shared:
        """Shared state of the server's connections."""

    @property
    def transport(self) -> Any:
        """Transport of the socket."""

    def visitor_of(self, request: Request) -> str:
        """Return the visitor's address: behind a trusted proxy, the one that the proxy names."""

    def takes_interim(self, request: Request) -> bool:
        """Return whether every interim response may be sent for this request."""

    def exchange_begins(self, exchange: "VisitorHttpLeg") -> None:
        """Make this leg the current one."""

    def write(self, data: bytes) -> None:
        """Write to the visitor before the reactor's turn ends."""

    def pause_reading(self) -> None:
        """Pause the request's body: its stream has enough, so it is the service that is waited for."""

    def resume_reading(self) -> None:
        """Resume the request's body."""

    def answer_error(
        self, error: ProblemError, request: Request | None, exchange: "VisitorHttpLeg | None" = None, realm: str = ""
    ) -> None:
        """Answer a request, or the exchange that it has become, with an error of Sellia's own."""

    def exchange_over(self, exchange: "VisitorHttpLeg") -> None:
        """Go on behind a complete response."""

    def answered(self, session: StreamOwner) -> None:
        """Note that a client has completed a response, so it may keep a connection to its service for this visitor."""

    def break_off(self) -> None:
        """End a response as broken: what was written is sent, but nothing can take it for complete."""

    def let_go(self) -> Any:
        """Return the transport for a protocol that registers itself as its producer; :meth:`become` follows."""

    def become(self, protocol: Any) -> None:
        """Hand the socket over: from now on ``protocol`` gets its input and its end."""


class VisitorHttpLeg(StrictLeg):
    """A request on its way, and its response.  ``request_complete`` says whether all of the request has been read."""

    __slots__ = (
        "_chunking",
        "_continued",
        "_interim",
        "_left",
        "awaits_continue",
        "connection",
        "deadline",
        "head_sent",
        "keep_alive",
        "options",
        "over",
        "patience",
        "request",
        "request_complete",
        "stream",
    )

    def __init__(self, connection: Channel, request: Request, deadline: float) -> None:
        self.connection = connection
        self.request = request
        self.stream: Stream | None = None
        #: When the head of the response must be there; infinite once it is.
        self.deadline = deadline
        #: Seconds that the service has for its response head, from when it is all that is waited for.
        self.patience = _NEVER
        #: What the owner of the tunnel asked for.
        self.options = _NO_OPTIONS
        #: Whether the visitor sends its body only once the service has sent a 100 (RFC 9110, 10.1.1).
        self.awaits_continue = False
        self.keep_alive = request.keep_alive
        self.request_complete = not request.has_body
        self.head_sent = False
        self.over = False
        self._interim: InterimPace | None = None
        self._continued = False
        self._chunking = False
        self._left = -1

    # --- from the connection: the request's body -------------------------------------------------------------

    def body_received(self, data: bytes) -> None:
        """Octets of the request's body."""
        if self.awaits_continue:
            self._await_body()
        if self.stream is not None and not self.stream.local_ended:
            self.stream.send_data(data)

    def request_ended(self, trailers: Headers) -> None:
        """The request is complete."""
        self.request_complete = True
        if self.stream is not None:
            self.stream.end(trailers_to_pass(trailers))

    def takes_more(self) -> None:
        """The visitor takes more of an answer that no stream brings."""

    def visitor_gone(self) -> None:
        """The visitor's connection is lost: nothing can be answered any more."""
        self.over = True
        if self.stream is not None:
            self.stream.reset(VISITOR_GONE, "the visitor's connection was lost")

    def request_refused(self, problem: Problem, detail: str) -> None:
        """What has come of the request's body cannot be the body of a request."""
        if self.stream is not None:
            self.stream.reset(problem, detail)
        self.fail(problem, detail)

    def overdue(self, now: float) -> bool:
        """Whether the service's time is up.  It stands still while the link of its client is away."""
        if self.deadline > now:
            return False
        stream = self.stream
        return stream is None or stream.attached

    def await_service(self) -> None:
        """From now on it is the service that is waited for: its time begins."""
        self.deadline = self.connection.ingress.clock.seconds() + self.patience

    def _await_body(self) -> None:
        """It is the visitor's body that is waited for, as long as that comes."""
        self.awaits_continue = False
        if not self.head_sent:
            self.deadline = _NEVER

    def timed_out(self, problem: Problem) -> None:
        """The service has not answered in time."""
        settings = self.connection.ingress.settings
        detail = explain_timeout(self.options, settings, upgrade=problem is UPGRADE_TIMEOUT)
        if self.stream is not None:
            self.stream.reset(problem, detail)
        self.fail(problem, detail)

    # --- from the upstream: a VisitorLeg -------------------------------------------------------------------

    pings_answered = 0

    @property
    def visitor(self) -> str:
        return self.connection.visitor_of(self.request)

    def link_away(self) -> None:
        """The link is lost: `overdue` asks the stream about it."""

    def link_back(self, seconds: float) -> None:
        """Give the service as much longer as it could not be reached, or all of its time if it is asked only now."""
        if self.stream is not None and self.stream.announced:
            self.deadline += seconds
        elif self.deadline < _NEVER:
            self.await_service()

    # --- from the stream: the response -----------------------------------------------------------------------

    def head_received(self, head: ResponseHead) -> None:
        if self.head_sent:
            raise ProtocolError("a second response head")
        try:
            length = check_head(head)
        except ValueError as error:
            self._refuse_response(str(error))
            return
        if head.status < 200:
            self._interim_head(head)
            return
        self.deadline = float("inf")
        self.head_sent = True
        if self.request.method == b"HEAD" or head.status in _BODILESS:
            self._left = 0
        elif length is not None:
            self._left = length
        if verbosity.debug and self.stream is not None:
            _log.debug("response: id={id} status={status}", id=self.stream.id, status=head.status)
        self.write_head(head)
        if not self._left:
            self._complete()
        if head.body:
            self.data_received(head.body)

    def write_head(self, head: ResponseHead) -> None:
        """Write the head of the response, with the framing of what follows; ``_left`` is the body's length or -1."""
        fields = b"\r\n".join(map(_field, response_to_visitor(head.headers, head.status)))
        framing = b"\r\n" if fields else b""
        request = self.request
        if not self.request_complete:
            self.keep_alive = False  # what is still to come of the request is not waited for
        if self._left < 0:
            if request.minor:
                self._chunking = True
                framing += b"Transfer-Encoding: chunked\r\n"
            else:
                self.keep_alive = False
        if not self.keep_alive:
            framing += b"Connection: close\r\n"
        elif not request.minor:
            framing += b"Connection: keep-alive\r\n"
        self.connection.write(b"HTTP/1.1 %d %b\r\n%b%b\r\n" % (head.status, head.reason, fields, framing))

    def _interim_head(self, head: ResponseHead) -> None:
        if head.status == 101:
            self._refuse_response("the service answered 101 to a request that asked for no upgrade")
            return
        now = self.connection.ingress.clock.seconds()
        if self._interim is None:
            self._interim = InterimPace(now)
        if not self._interim.take(now, section_size(head.headers)):
            return
        if self.deadline < _NEVER:
            self.await_service()  # it shows that it works on the request
        if not self.request.minor:  # RFC 9110, 15.2: never to HTTP/1.0
            return
        if self.connection.takes_interim(self.request):
            self.write_interim(head)
        elif head.status == 100 and not self._continued and expects_continue(self.request):
            self._continued = True
            self.write_interim(_CONTINUE)

    def write_interim(self, head: ResponseHead) -> None:
        """Write an interim response."""
        fields = b"".join([b"%b: %b\r\n" % pair for pair in response_to_visitor(head.headers, head.status)])
        self.connection.write(status_line(head) + fields + _CHUNK_END)
        if head.status == 100 and self.awaits_continue:
            self._await_body()

    def data_received(self, data: bytes) -> None:
        if not self.head_sent:
            if self.over:
                return
            raise ProtocolError("a body before its head")
        if self._chunking:
            size = len(data)
            if size < 4096:
                self.connection.write(b"%x\r\n%b\r\n" % (size, data))
            else:
                self.connection.write(b"%x\r\n" % size)
                self.connection.write(data)
                self.connection.write(_CHUNK_END)
            return
        if self._left >= 0:
            self._left -= len(data)
            if self._left <= 0:
                self._last_data(data)
                return
        self.connection.write(data)

    def _last_data(self, data: bytes) -> None:
        """What completes a response of known length, or is too much."""
        if self._left < 0:
            self._break("the response is longer than its Content-Length")
        elif not self.over:
            self.connection.write(data)
            self._complete()

    def end_received(self, trailers: Headers) -> None:
        if self.over:
            self.connection.ingress.guard.ended(self.stream)
            return
        if not self.head_sent:
            raise ProtocolError("an end before its head")
        if self._left > 0:
            self._break("the response is shorter than its Content-Length")
            return
        if self._chunking:
            if trailers:
                try:
                    validate_response(trailers)
                except ValueError as error:
                    self._break(str(error))
                    return
                fields = b"".join([b"%b: %b\r\n" % pair for pair in trailers_to_pass(trailers)])
                self.connection.write(b"0\r\n" + fields + _CHUNK_END)
            else:
                self.connection.write(_LAST_CHUNK)
        self._complete()

    def _complete(self) -> None:
        """The visitor has the whole response: the connection is free, even where the end of the stream is to come."""
        self.over = True
        stream = self.stream
        if stream is not None:
            self.connection.answered(stream.session)
            if not stream.remote_ended:
                self.connection.ingress.guard.awaits_end(stream)
            if not stream.local_ended:
                if self.request_complete:
                    stream.end()  # a handshake that was refused has no end of its own
                else:
                    stream.reset(RESPONSE_COMPLETE, "the response was complete before the request")
        self.connection.exchange_over(self)

    def reset_received(self, problem: Problem, message: str) -> None:
        if verbosity.debug and message and self.stream is not None:
            _log.debug(
                "request failed: id={id} word={word} reason={reason}",
                id=self.stream.id,
                word=field(problem.code),
                reason=field(message),
            )
        self.fail(problem, public_detail(problem, message))

    def pause_sending(self) -> None:
        self.connection.pause_reading()

    def resume_sending(self) -> None:
        self.connection.resume_reading()

    @property
    def delimited(self) -> bool:
        """Whether the visitor can tell a response that is cut short from a complete one."""
        return self._chunking or self._left > 0

    @property
    def may_write_zero(self) -> bool:
        """Whether the size of a chunk comes next, which may have any number of zeros in front (RFC 9112, 7.1)."""
        return self._chunking and not self.over

    # --- ends ------------------------------------------------------------------------------------------------

    def fail(self, problem: Problem, message: str) -> None:
        """There is no response, or no more of it: say why if that is still possible, else break the connection."""
        if self.over:
            return
        self.over = True
        if self.head_sent:
            self.connection.break_off()
            return
        self.connection.answer_error(ProblemError(problem.answer, message), self.request, self)

    def _refuse_response(self, why: str) -> None:
        """The client passed on what is not HTTP: the visitor must not get it."""
        if self.stream is not None:
            self.stream.reset(BAD_SERVICE_RESPONSE, why)
        self.fail(BAD_SERVICE_RESPONSE, sentence(why))

    def _break(self, why: str) -> None:
        if self.stream is not None:
            self.stream.reset(BAD_SERVICE_RESPONSE, why)
        if not self.over:
            self.over = True
            self.connection.break_off()
