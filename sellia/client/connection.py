"""An HTTP/1.1 connection to a service: reads answers and hands them, piece by piece, to the exchange that it serves.

Need
    The visitor gets what the service said, when it said it, and learns the truth about an answer that is cut short.
    A connection is used again only if it is certain that both ends agree on where the last exchange ended.

Invariants
    * An exchange is told of each answer's end once, after all of its body, and of nothing after that.
    * A body ends with its length, its last chunk or, if it has neither, an orderly close: every other end is
      ``lost``.
    * The service is not read faster than the stream takes, and the stream gets no credit back for what the service
      does not take.

Bounds
    A head and a trailer section each have 256 fields and about 96 KiB at most, and there are 16 interim answers at
    most.  Of a body, no more than one read of the socket (120 KiB) is here at a time.

What llhttp, which parses, leaves to us: those bounds, answers to HEAD, bodies that end with the connection, transfer
codings that we do not speak, and octets behind the last answer.
"""

from typing import TYPE_CHECKING, Any, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.client.dial import ServiceSocket
from sellia.protocol.limits import HEAD_LIMIT, HEADER_COUNT_LIMIT, SHORT_BODY
from sellia.protocol.messages import Headers, ResponseHead
from sellia.relay.headers import check_reason, response_to_visitor, trailers_to_pass
from sellia.relay.text import printable
from sellia.transports.sockets import READ, write_now
from sellia.transports.turn import Outlet, Turn

if TYPE_CHECKING:
    from sellia.client.exchange import Exchange
    from sellia.client.pool import Pool

#: Interim answers (1xx) to one request at most.
INTERIM_LIMIT: Final = 16

#: What encoding a head for the link may add for each field, and once.
_FIELD_COST: Final = 8
_HEAD_COST: Final = 64

#: A head that came in fewer octets cannot be too long.
_SURELY_SHORT: Final = HEAD_LIMIT - HEADER_COUNT_LIMIT * _FIELD_COST - _HEAD_COST

_log = Logger()


class BadAnswer(Exception):
    """The service's answer cannot be passed on; `str` goes on after its name, as in `localhost:8080 ...`."""


@implementer(IPushProducer)
class HttpConnection(ServiceSocket):
    """Serves one exchange after the other.  ``pool`` is told when it has ended."""

    def __init__(self, pool: "Pool[HttpConnection]", turn: Turn) -> None:
        self._pool = pool
        self._turn = turn
        self._parser: Any = HttpResponseParser(self)
        self._headers: Headers = []
        self._reason = b""
        self._body: list[bytes] = []
        self._exchange: Exchange | None = None
        #: Whether this connection has served an exchange before.
        self.reused = False
        #: Whether the socket takes no more for now.
        self.stalled = False
        self._paused = False
        self._gone = False
        self._clear()

    def _clear(self) -> None:
        """A new exchange: nothing of its answer is here."""
        self._began = False
        self._octets = 0
        self._read = 0
        self._interim = 0
        self._answered = False
        self._complete = False
        self._bodiless = False
        self._until_close = False
        self._keep = False
        self._switching = False
        self._head: tuple[int, bytes, Headers, bool] | None = None

    # --- for the exchange ----------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        super().connectionMade()
        self.transport.registerProducer(self, True)
        self._outlet = Outlet(self.transport, self._turn)

    def begin(self, exchange: "Exchange") -> None:
        """Serve this exchange from now on."""
        self._exchange = exchange
        self._clear()

    def release(self, *, reuse: bool = True) -> None:
        """The exchange wants nothing more from here: wait for the next, if both ends agreed to that, or close."""
        self._exchange = None
        self.reused = True
        if self._gone:
            return
        self._outlet.flush()
        if self._paused:
            self.resume()
        if reuse and self._keep and self._complete and not self.stalled:
            self._pool.give(self)
        else:
            self._pool.close(self)

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
        self._parser = None
        self._outlet.flush()
        self.transport.unregisterProducer()
        return self.transport

    def hand_over(self, reader: Any) -> None:
        """From the next octet on, the socket is ``reader``'s."""
        self.dataReceived = reader.dataReceived  # type: ignore[method-assign]
        self.connectionLost = reader.connectionLost  # type: ignore[method-assign]

    # --- from the socket -----------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        self._received(data)
        self._turn.nudge()

    def _received(self, data: bytes) -> None:
        exchange, complete = self._exchange, self._complete
        if exchange is None or complete:
            self._unasked()
            return
        self._began = True
        if not self._answered:
            self._read = len(data)
            self._octets += self._read
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._switch(exchange, data[upgrade.args[0] :])
            return
        except HttpParserError as error:
            if not self._complete:
                if self._head is None or self._pass_head(exchange):
                    self._fault(exchange, error)
                return
            self._keep = False  # something came behind the answer's end, which takes nothing from the answer
        body = self._body
        if self._head is not None:
            if self._complete and body and not self._bodiless and not self._headers and len(body) == 1:
                if len(body[0]) <= SHORT_BODY:
                    self._body = []
                    self._octets = 0
                    if self._pass_head(exchange, body[0]):
                        exchange.answer_ended()
                    return
            if not self._pass_head(exchange):
                return
        if body:
            self._body = []
            if not self._bodiless:
                self._octets = 0
                trailing = self._complete and not self._headers
                exchange.send_body(body[0] if len(body) == 1 else b"".join(body), trailing)
                if trailing:
                    exchange.answer_ended()
                    return
            else:
                self._keep = False
        elif not self._complete:
            self._waiting(exchange, len(data))
            return
        if self._complete:
            self._end(exchange)

    def connectionLost(self, reason: Failure | None = None) -> None:
        super().connectionLost(reason)
        self._gone = True
        self._parser = None
        self._pool.gone(self)
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        if self._until_close and not self._complete and reason is not None and reason.check(ConnectionDone):
            self._complete = True
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

    # --- from the parser -----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._complete:
            raise BadAnswer("sent another answer behind its answer")
        self._headers = []
        self._reason = b""

    def on_status(self, reason: bytes) -> None:
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        exchange = self._exchange
        assert exchange is not None
        status = self._parser.get_status_code()
        headers, reason = self._headers, self._reason
        if len(headers) > HEADER_COUNT_LIMIT or (self._octets > _SURELY_SHORT and _too_long(headers, reason)):
            raise BadAnswer("sent a response head that is too long")
        _check_reason(reason)
        if status < 200:
            self._interim_head(exchange, status, reason, headers)
            return
        has_length = chunked = False
        for name, value in headers:
            if len(name) == 14:
                if name.lower() == b"content-length":
                    has_length = True
            elif len(name) == 17 and name.lower() == b"transfer-encoding":
                if chunked or value.lower() != b"chunked":
                    raise BadAnswer("sent a body in a transfer coding that is not spoken here")
                chunked = True
        self._headers = []  # for the trailers
        self._answered = True
        self._octets = 0
        self._keep = self._parser.should_keep_alive()
        if exchange.bodiless:
            self._bodiless = self._complete = True
        elif status == 204 or status == 304:
            self._bodiless = True
        else:
            self._until_close = not (has_length or chunked)
        # Not passed on before all that has been read is parsed: a short answer goes whole.
        self._head = status, reason, response_to_visitor(headers, status), not (has_length or self._bodiless)

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        self._complete = self._answered

    def _pass_head(self, exchange: "Exchange", body: bytes = b"") -> bool:
        """Pass the answer's head on, with its whole body if there is one; False if that failed."""
        assert self._head is not None
        head, self._head = self._head, None
        try:
            if body:
                exchange.send_answer(ResponseHead(*head, body))
            else:
                exchange.send_head(ResponseHead(*head), self._bodiless)
        except Exception:
            _log.failure("an answer could not be passed on")
            exchange.defect()
            return False
        return True

    # --- inside --------------------------------------------------------------------------------------------

    def _interim_head(self, exchange: "Exchange", status: int, reason: bytes, headers: Headers) -> None:
        if status == 101:
            self._switching = True
            return
        if status < 100:
            raise BadAnswer("sent a status that is not one")
        self._interim += 1
        if self._interim > INTERIM_LIMIT:
            raise BadAnswer("sent too many interim responses")
        self._octets = self._read  # at most so much of what has been read is not of this head
        exchange.send_interim(ResponseHead(status, reason, response_to_visitor(headers, status)))

    def _switch(self, exchange: "Exchange", rest: bytes) -> None:
        """The service wants to speak another protocol from here on."""
        try:
            exchange.switched(self._reason, self._headers, rest)
        except BadAnswer as fault:
            exchange.bad_answer(str(fault))

    def _fault(self, exchange: "Exchange", error: HttpParserError) -> None:
        fault = error.__context__
        if isinstance(fault, BadAnswer):
            exchange.bad_answer(str(fault))
        elif self._switching:
            exchange.bad_answer("changed the protocol without saying so in Connection and Upgrade")
        elif fault is None:
            exchange.bad_answer(f"sent an answer that is not valid HTTP: {printable(str(error), 100)}")
        else:
            _log.failure("an answer could not be passed on", failure=Failure(fault))
            exchange.defect()

    def _waiting(self, exchange: "Exchange", size: int) -> None:
        """Octets came that were neither body nor an end: they are part of a head, of a trailer, or of framing."""
        if self._answered:
            self._octets += size
        if self._octets > HEAD_LIMIT + READ:
            exchange.bad_answer("sent a head or a trailer section that is too long")

    def _end(self, exchange: "Exchange") -> None:
        """The answer is complete."""
        trailers = self._headers
        if self._bodiless:
            if exchange.bodiless:
                self._parser = HttpResponseParser(self)  # the old one waits for a body
            exchange.answer_ended()
            return
        if trailers:
            self._headers = []
            if len(trailers) > HEADER_COUNT_LIMIT or _too_long(trailers, b""):
                exchange.bad_answer("sent a trailer section that is too long")
                return
            exchange.send_trailers(trailers_to_pass(trailers))
            exchange.answer_ended()
            return
        exchange.send_body(b"", True)
        exchange.answer_ended()

    def _unasked(self) -> None:
        """Nobody asked for these octets: this connection cannot be used again."""
        self._keep = False
        if self._exchange is None:
            self.abort()


def _too_long(headers: Headers, reason: bytes) -> bool:
    size = sum(len(name) + len(value) + _FIELD_COST for name, value in headers)
    return size + len(reason) + _HEAD_COST > HEAD_LIMIT


def _check_reason(reason: bytes) -> None:
    try:
        check_reason(reason)
    except ValueError:
        raise BadAnswer("sent a reason phrase with a control character in it") from None
