"""An HTTP/1.1 connection to a service: passes each response, piece by piece, to the leg that it serves.

Need
    The visitor gets what the service said, when it said it, and learns the truth about an answer that is cut short.
    A connection is used again only if it is certain that both ends agree on where the last exchange ended;
    :mod:`sellia.client.local.pool` decides who may use it.

States
    Idle, asked, answering; a connection ends as closed, or as handed over to a WebSocket.  :class:`ConnectionState`
    has them.  Whether reading is paused and whether the socket takes what is written are flow control, and
    independent of the state.

Invariants
    * A leg is told of each response's end once, after all of its body, and of nothing after that.
    * A body ends with its length, its last chunk or, if it has neither, an orderly close: every other end is
      ``lost``.
    * The service is not read faster than the stream takes, and the stream gets no credit back for what the service
      does not take.
    * What the server would refuse of a response (:func:`sellia.relay.http.responses.check_head`) is refused here, with
      the reason: no head passes the reader and :func:`sellia.relay.http.headers.response_to_visitor` that it would
      refuse.

Bounds
    Those of :mod:`sellia.relay.http.responses`, which reads.  Interim answers pass as :mod:`sellia.relay.http.interim`
    says. Of a body, no more than one read of the socket (120 KiB) is here at a time.
"""

from enum import Enum
from typing import Any, Protocol

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.client.local.dial import ServiceSocket
from sellia.client.local.pool import Pool
from sellia.errors import ProblemError
from sellia.protocol.limits import HEAD_LIMIT, SHORT_BODY
from sellia.protocol.messages import Headers, ResponseHead
from sellia.relay.http.framing import bad_response
from sellia.relay.http.headers import response_to_visitor, values_of
from sellia.relay.http.interim import InterimPace, section_size
from sellia.relay.http.logins import answer_binds
from sellia.relay.http.response_head import SHORT_HEAD, check_size
from sellia.relay.http.responses import Head, ResponseReader
from sellia.relay.http.rewriting import Undo
from sellia.relay.http.trailers import trailers_to_pass
from sellia.transports.reactor.batching import BufferedWriter, FlushBatch
from sellia.transports.reactor.sockets import bytes_acknowledged, quiet, write_now

_log = Logger()


class ConnectionState(Enum):
    """Use of a connection at the moment."""

    #: No exchange: new, in the pool, or about to be closed.
    IDLE = "idle"
    #: An exchange has it, and no byte of the response has come.
    ASKED = "asked"
    #: The response comes.
    ANSWERING = "answering"
    #: The transport belongs to a WebSocket.
    HANDED_OVER = "handed over"
    #: The connection is lost.
    CLOSED = "closed"


_IDLE, _ASKED, _ANSWERING, _HANDED_OVER, _CLOSED = ConnectionState


class AnswerSink(Protocol):
    """Interface of the leg that a connection serves."""

    #: Whether the response has no body, whatever its head says.
    bodiless: bool
    #: Whether the request brings a login that belongs to its connection.
    login: bool
    #: What puts the heads of responses right, if anything does.
    undo: Undo | None

    @property
    def over(self) -> bool:
        """Whether nothing more will pass."""

    def send_interim(self, head: ResponseHead) -> None:
        """An interim response (1xx), other than 101."""

    def send_head(self, head: ResponseHead, end: bool) -> None:
        """The response's head; ``end``: there is no body."""

    def send_answer(self, head: ResponseHead) -> None:
        """The whole of a short response: its head, with the body in it."""

    def send_body(self, data: bytes, end: bool) -> None:
        """Bytes of the body, none if only ``end`` is to be told."""

    def send_trailers(self, trailers: Headers) -> None:
        """The end of a body, with trailer fields."""

    def answer_ended(self) -> None:
        """The whole response has been passed on: release the connection, now or later."""

    def switched(self, reason: bytes, headers: Headers, rest: bytes) -> None:
        """The service has answered 101, and ``rest`` came behind its head.  May raise ProblemError."""

    def lost(self, connection: "HttpConnection", began: bool) -> None:
        """The connection is gone before the response's end; ``began``: some of the response had come."""

    def bad_answer(self, message: str) -> None:
        """The response cannot be passed on; ``message`` goes on after the service's address."""

    def defect(self) -> None:
        """Something of ours is wrong, and has been logged."""

    def stalled(self) -> None:
        """The service takes no more for now."""

    def flowing(self) -> None:
        """The service has taken all that it was sent."""


@implementer(IPushProducer, IHalfCloseableProtocol)
class HttpConnection(ServiceSocket):
    """A connection that serves one exchange after the other, and belongs to ``pool`` in between."""

    def __init__(self, pool: "Pool[HttpConnection]", turn: FlushBatch, clock: Any) -> None:
        self._pool = pool
        self._turn = turn
        self._clock = clock
        self._reader: ResponseReader | None = ResponseReader(self._interim)
        self._state = _IDLE
        self._exchange: AnswerSink | None = None
        #: For the pool: the number of the visitor's connection that alone may use it, and whether it carries a login.
        self.owner = 0
        self.login = False
        #: Whether this connection has served an exchange before.
        self.reused = False
        #: Flow control: whether the socket takes no more for now, and whether reading is paused.
        self.stalled = False
        self._paused = False
        #: Whether the service certainly has not received what was written since :meth:`watch`.
        self.unreceived = False
        self._acknowledged: int | None = None
        self._interims: InterimPace | None = None

    # --- for the exchange ----------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.registerProducer(self, True)
        self._outlet = BufferedWriter(self.transport, self._turn)

    def begin(self, exchange: AnswerSink) -> None:
        """Serve this exchange from now on."""
        self._exchange = exchange
        self._state = _ASKED
        if self._reader is not None:
            self._reader.begin(bodiless=exchange.bodiless)

    def watch(self) -> None:
        """Note how much the service has acknowledged, so that ``unreceived`` is known of what is written next."""
        self._acknowledged = bytes_acknowledged(self.transport)

    def release(self, *, reuse: bool = True, visitor: int = 0, dirty: bool = False) -> None:
        """End the exchange, and return the connection to the pool, if both ends agreed to that, or close it.

        After a ``dirty`` exchange only the visitor's connection with the number ``visitor`` gets it again.
        """
        self._exchange = None
        self._acknowledged = None
        self.reused = True
        if self._state is _CLOSED:
            return
        self._state = _IDLE
        self._outlet.flush()
        if self._paused:
            self.resume()
        reader = self._reader
        if dirty or self.login or self.owner:
            self.owner = visitor
            reuse = reuse and visitor > 0
        if reuse and reader is not None and reader.keep_alive and reader.complete and not self.stalled:
            self._pool.give(self)
        else:
            self._pool.close(self)

    def quiet(self) -> bool:
        """Return whether nothing waits in the socket: no bytes, and no end."""
        return quiet(self.transport)

    def write(self, data: bytes) -> None:
        """Send at the end of the reactor's turn at the latest, with whatever else there is by then."""
        self._outlet.write(data)

    def write_whole(self, data: bytes) -> None:
        """Send a whole request at once."""
        self._outlet.flush()
        write_now(self.transport, data)

    def pause(self) -> None:
        """Stop reading for now."""
        self._paused = True
        self.transport.pauseProducing()

    def resume(self) -> None:
        """Read on."""
        self._paused = False
        self.transport.resumeProducing()

    def hang_up(self) -> None:
        """Close, behind what has been written."""
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def abort(self) -> None:
        """Drop the connection with a TCP reset; the exchange is told nothing more."""
        self._exchange = None
        self._pool.gone(self)
        self.transport.abortConnection()

    def let_go(self) -> Any:
        """Return the transport for another protocol, which is then to be named with :meth:`hand_over`."""
        self._exchange = None
        self._reader = None
        self._state = _HANDED_OVER
        self._outlet.flush()
        self.transport.unregisterProducer()
        return self.transport

    def hand_over(self, reader: Any) -> None:
        """Pass every later event of the socket to ``reader``."""
        self.dataReceived = reader.dataReceived  # type: ignore[method-assign]
        self.connectionLost = reader.connectionLost  # type: ignore[method-assign]
        half_closed = getattr(reader, "readConnectionLost", None)
        if half_closed is not None:
            self.readConnectionLost = half_closed  # type: ignore[method-assign]

    # --- from the socket -----------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        self._received(data)
        self._turn.input_done()

    def _received(self, data: bytes) -> None:
        exchange, reader = self._exchange, self._reader
        if exchange is None or reader is None or reader.complete:
            self._unasked()
            return
        self._state = _ANSWERING
        try:
            reader.feed(data)
            if exchange is self._exchange:  # else it ended with an interim answer
                self._pass_on(exchange, reader)
        except ProblemError as fault:
            exchange.bad_answer(fault.detail or "sent a response that cannot be passed on")
        except Exception:
            _log.failure("a response could not be passed on: a defect of Sellia's own")
            exchange.defect()

    def _pass_on(self, exchange: AnswerSink, reader: ResponseReader) -> None:
        """Pass on what has been read."""
        body, head = reader.body, reader.head
        if reader.rest and reader.switched is None and reader.rest.strip(b"\r\n"):
            reader.keep_alive = False  # bytes behind the response's end: it is good, the connection is not
        if head is not None:
            reader.head = None
            if (
                reader.complete
                and len(body) == 1
                and len(body[0]) <= SHORT_BODY
                and reader.size <= SHORT_HEAD
                and not reader.trailers
            ):
                reader.body = []
                exchange.send_answer(self._head_of(exchange, head, body[0]))
                exchange.answer_ended()
                return
            exchange.send_head(self._head_of(exchange, head), head.bodiless)
            if head.bodiless:
                exchange.answer_ended()
                return
        elif reader.switched is not None:
            self._switch(exchange, reader, *reader.switched)
            return
        if body:
            reader.body = []
            trailing = reader.complete and not reader.trailers
            exchange.send_body(body[0] if len(body) == 1 else b"".join(body), trailing)
            if trailing:
                exchange.answer_ended()
                return
        if reader.complete:
            self._end(exchange, reader)

    def readConnectionLost(self) -> None:
        """Treat the end of the service's direction as the connection's: it reads nothing more, as far as is seen."""
        before = self._acknowledged
        if before is not None:
            self.unreceived = bytes_acknowledged(self.transport) == before
        self.transport.connectionLost(Failure(ConnectionDone()))

    def writeConnectionLost(self) -> None:
        """Nothing to do: our half is never closed alone."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        super().connectionLost(reason)
        began = self._state is _ANSWERING
        self._state = _CLOSED
        reader, self._reader = self._reader, None
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            self._pool.closed_by_service(self)
            return
        self._pool.gone(self)
        orderly = reason is not None and reason.check(ConnectionDone) is not None
        if reader is not None and reader.until_close and not reader.complete and orderly:
            reader.complete = True
            exchange.send_body(b"", True)
            exchange.answer_ended()
            if exchange.over:
                return
        exchange.lost(self, began)

    def pauseProducing(self) -> None:
        """Stall the exchange: the socket takes no more for now."""
        self.stalled = True
        if self._exchange is not None:
            self._exchange.stalled()

    def resumeProducing(self) -> None:
        """Let the exchange flow again: the socket has taken all that was written."""
        self.stalled = False
        if self._exchange is not None:
            self._exchange.flowing()

    def stopProducing(self) -> None:
        """Nothing to do: connectionLost follows."""

    # --- inside --------------------------------------------------------------------------------------------

    def _interim(self, status: int, reason: bytes, headers: Headers) -> None:
        """Pass on an interim response, unless there are too many."""
        exchange = self._exchange
        if exchange is None:
            return
        now = self._clock.seconds()
        if self._interims is None:
            self._interims = InterimPace(now)
        if not self._interims.take(now, section_size(headers)):
            return
        exchange.send_interim(ResponseHead(status, reason, to_visitor(exchange.undo, headers, status)))

    def _head_of(self, exchange: AnswerSink, head: Head, body: bytes = b"") -> ResponseHead:
        """Return the response's head as it goes on, with its whole body if that is short."""
        status, reason, headers, length, bodiless = head
        if (status == 401 or exchange.login) and (exchange.login or answer_binds(headers)):
            self.login = True
        chunked = length is None and not bodiless
        return ResponseHead(status, reason, to_visitor(exchange.undo, headers, status), chunked, body)

    def _switch(self, exchange: AnswerSink, reader: ResponseReader, reason: bytes, headers: Headers) -> None:
        """Pass on a 101, which must name the new protocol."""
        options = [option.lower() for option in values_of(headers, b"connection")]
        if b"upgrade" not in options or not values_of(headers, b"upgrade"):
            raise bad_response("changed the protocol without saying so in Connection and Upgrade")
        exchange.switched(reason, headers, reader.rest)

    def _end(self, exchange: AnswerSink, reader: ResponseReader) -> None:
        """End a response whose body has been passed on."""
        trailers = trailers_to_pass(reader.trailers)
        if trailers:
            exchange.send_trailers(trailers)
        else:
            exchange.send_body(b"", True)
        exchange.answer_ended()

    def _unasked(self) -> None:
        """Rule the connection out for reuse, because bytes came that nobody asked for."""
        if self._reader is not None:
            self._reader.keep_alive = False
        if self._exchange is None:
            self.abort()


def to_visitor(undo: Undo | None, headers: Headers, status: int) -> Headers:
    """Return a response's fields as the visitor gets them.  Raises ProblemError if rewriting makes them too long."""
    kept = response_to_visitor(headers, status)
    if undo is None:
        return kept
    kept = undo.response(kept, status)
    check_size(HEAD_LIMIT, kept, b"", "response head, with what this tunnel adds to it,")
    return kept
