"""An HTTP/1.1 connection to a service: hands its answers, piece by piece, to the exchange that it serves.

Need
    The visitor gets what the service said, when it said it, and learns the truth about an answer that is cut short.
    A connection is used again only if it is certain that both ends agree on where the last exchange ended, and by
    whom is decided in :mod:`sellia.client.local.pool`.

Invariants
    * An exchange is told of each answer's end once, after all of its body, and of nothing after that.
    * A body ends with its length, its last chunk or, if it has neither, an orderly close: every other end is
      ``lost``.
    * The service is not read faster than the stream takes, and the stream gets no credit back for what the service
      does not take.
    * What the server would refuse of an answer (:func:`sellia.relay.http.responses.check_head`) is refused here, with
      the
      reason: no head passes the reader and :func:`sellia.relay.http.headers.response_to_visitor` that it would refuse.

Bounds
    Those of :mod:`sellia.relay.http.responses`, which reads.  Interim answers pass as :mod:`sellia.relay.http.interim`
    says. Of a body, no more than one read of the socket (120 KiB) is here at a time.
"""

from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.client.local.dial import ServiceSocket
from sellia.protocol.limits import SHORT_BODY
from sellia.protocol.messages import Headers, ResponseHead
from sellia.relay.http.framing import BadAnswer
from sellia.relay.http.headers import response_to_visitor, trailers_to_pass, values_of
from sellia.relay.http.interim import InterimPace, section_size
from sellia.relay.http.logins import answer_binds
from sellia.relay.http.responses import SHORT_HEAD, Head, ResponseReader
from sellia.transports.reactor.batching import BufferedWriter, FlushBatch
from sellia.transports.reactor.sockets import bytes_acknowledged, quiet, write_now

if TYPE_CHECKING:
    from sellia.client.local.exchange import ServiceLeg
    from sellia.client.local.pool import Pool

_log = Logger()


@implementer(IPushProducer, IHalfCloseableProtocol)
class HttpConnection(ServiceSocket):
    """Serves one exchange after the other.  ``pool`` is told when it has ended."""

    def __init__(self, pool: "Pool[HttpConnection]", turn: FlushBatch, clock: Any) -> None:
        self._pool = pool
        self._turn = turn
        self._clock = clock
        self._reader: ResponseReader | None = ResponseReader(self._interim)
        self._exchange: ServiceLeg | None = None
        #: For the pool: whose it is, and whether it carries a login.
        self.owner = 0
        self.login = False
        #: Whether this connection has served an exchange before.
        self.reused = False
        #: Whether the socket takes no more for now.
        self.stalled = False
        #: Whether the service certainly has not received what was written since :meth:`watch`.
        self.unreceived = False
        self._acknowledged: int | None = None
        self._interims: InterimPace | None = None
        self._paused = False
        self._gone = False
        self._began = False

    # --- for the exchange ----------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.registerProducer(self, True)
        self._outlet = BufferedWriter(self.transport, self._turn)

    def begin(self, exchange: "ServiceLeg") -> None:
        """Serve this exchange from now on."""
        self._exchange = exchange
        self._began = False
        if self._reader is not None:
            self._reader.begin(bodiless=exchange.bodiless)

    def watch(self) -> None:
        """Take note of what the service has received, so that ``unreceived`` can be told of what is written next."""
        self._acknowledged = bytes_acknowledged(self.transport)

    def release(self, *, reuse: bool = True, visitor: int = 0, dirty: bool = False) -> None:
        """The exchange wants nothing more from here: wait for the next, if both ends agreed to that, or close.

        After a ``dirty`` exchange only the same visitor's connection, whose number is ``visitor``, gets it again.
        """
        self._exchange = None
        self._acknowledged = None
        self.reused = True
        if self._gone:
            return
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
        """Whether nothing waits in the socket: no bytes, and no end."""
        return quiet(self.transport)

    def write(self, data: bytes) -> None:
        """Send before the turn ends, with what else there is by then."""
        self._outlet.write(data)

    def write_whole(self, data: bytes) -> None:
        """Send a whole request, to which nothing will be joined."""
        self._outlet.flush()
        write_now(self.transport, data)

    def pause(self) -> None:
        """Read no more for now."""
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
        """Drop the connection, so that the service notices; the exchange is told nothing more."""
        self._exchange = None
        self._pool.gone(self)
        self.transport.abortConnection()

    def let_go(self) -> Any:
        """Give the transport up for another protocol, which is then to be named with :meth:`hand_over`."""
        self._exchange = None
        self._reader = None
        self._outlet.flush()
        self.transport.unregisterProducer()
        return self.transport

    def hand_over(self, reader: Any) -> None:
        """From the next octet on, the socket is ``reader``'s."""
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
        self._began = True
        try:
            reader.feed(data)
            if exchange is self._exchange:  # else it ended with an interim answer
                self._pass_on(exchange, reader)
        except BadAnswer as fault:
            exchange.bad_answer(str(fault))
        except Exception:
            _log.failure("an answer could not be passed on")
            exchange.defect()

    def _pass_on(self, exchange: "ServiceLeg", reader: ResponseReader) -> None:
        """Pass on what has been read."""
        body, head = reader.body, reader.head
        if reader.rest and reader.switched is None and reader.rest.strip(b"\r\n"):
            reader.keep_alive = False  # something came behind the answer's end, which takes nothing from the answer
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
        """The service sends nothing more, and, as far as can be seen, reads nothing more."""
        before = self._acknowledged
        if before is not None:
            self.unreceived = bytes_acknowledged(self.transport) == before
        self.transport.connectionLost(Failure(ConnectionDone()))

    def writeConnectionLost(self) -> None:
        """We never close our half alone."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        super().connectionLost(reason)
        self._gone = True
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
        exchange.lost(self, self._began)

    def pauseProducing(self) -> None:
        """The socket takes no more for now."""
        self.stalled = True
        if self._exchange is not None:
            self._exchange.stalled()

    def resumeProducing(self) -> None:
        """The socket has taken all that was written."""
        self.stalled = False
        if self._exchange is not None:
            self._exchange.flowing()

    def stopProducing(self) -> None:
        """The socket is gone; connectionLost says so."""

    # --- inside --------------------------------------------------------------------------------------------

    def _interim(self, status: int, reason: bytes, headers: Headers) -> None:
        """An interim answer."""
        exchange = self._exchange
        if exchange is None:
            return
        now = self._clock.seconds()
        if self._interims is None:
            self._interims = InterimPace(now)
        if not self._interims.take(now, section_size(headers)):
            return
        exchange.send_interim(ResponseHead(status, reason, response_to_visitor(headers, status)))

    def _head_of(self, exchange: "ServiceLeg", head: Head, body: bytes = b"") -> ResponseHead:
        """The answer's head as it goes on, with its whole body if that is short."""
        status, reason, headers, length, bodiless = head
        if (status == 401 or exchange.login) and (exchange.login or answer_binds(headers)):
            self.login = True
        chunked = length is None and not bodiless
        return ResponseHead(status, reason, response_to_visitor(headers, status), chunked, body)

    def _switch(self, exchange: "ServiceLeg", reader: ResponseReader, reason: bytes, headers: Headers) -> None:
        """The service wants to speak another protocol from here on."""
        options = [option.lower() for option in values_of(headers, b"connection")]
        if b"upgrade" not in options or not values_of(headers, b"upgrade"):
            raise BadAnswer("changed the protocol without saying so in Connection and Upgrade")
        exchange.switched(reason, headers, reader.rest)

    def _end(self, exchange: "ServiceLeg", reader: ResponseReader) -> None:
        """The answer is complete, and its body has been passed on."""
        trailers = trailers_to_pass(reader.trailers)
        if trailers:
            exchange.send_trailers(trailers)
        else:
            exchange.send_body(b"", True)
        exchange.answer_ended()

    def _unasked(self) -> None:
        """Nobody asked for these bytes: this connection cannot be used again."""
        if self._reader is not None:
            self._reader.keep_alive = False
        if self._exchange is None:
            self.abort()
