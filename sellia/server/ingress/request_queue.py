"""What comes on a visitor's connection: HTTP/1.1 requests, one after the other.

Need
    Visitors may send the next request before the last is answered, and reverse proxies do; answers have to come in
    that order.

Invariants
    * At most one request of a connection is read and not yet answered; what came behind it waits, unread, in ``_kept``.
    * Reading is paused while anything waits there, and while the request's stream has enough.
    * After a refused request nothing of the connection's input is taken for a request any more.

Bounds
    One read of the socket (120 KiB) is kept as it came, so what is pipelined takes as much memory as was sent.
    Requests that need no service are answered ``AT_ONCE`` at a time, and none while the visitor does not take its
    answers.  A body must keep to a least rate while we are willing to read it (`sellia.server.ingress.body_rate`).
    Behind a handshake 64 KiB are read before it is answered.
"""

from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.logger import Logger

from sellia.problems import INTERNAL, REQUEST_TIMEOUT
from sellia.protocol.messages import Headers
from sellia.server.ingress.body_rate import MinimumRate
from sellia.server.ingress.channel import VisitorChannel
from sellia.server.ingress.exchange import VisitorHttpLeg
from sellia.server.ingress.http1 import Refusal, Request, RequestReader
from sellia.server.ingress.ingress import Ingress

#: Bytes that may come behind a handshake before it is answered; then reading pauses.
_BEHIND_HANDSHAKE: Final = 64 * 1024

#: Pipelined requests that are answered in one turn of the reactor.
AT_ONCE: Final = 16

#: Why reading is paused; any of them is enough.
STREAM: Final = 1
PENDING: Final = 2
HANDSHAKE: Final = 4

_NEVER: Final = float("inf")

_log = Logger()


class PipelinedRequests(VisitorChannel, TwistedProtocol):
    """Takes requests out of what comes, and gives each to its exchange.

    A subclass says in :meth:`_begin` what becomes of a request, calls :meth:`_advance` when its exchange is over, and
    ends the connection in :meth:`_close`.  It looks at ``_deadline`` while nothing is in exchange: by then, what has
    begun to come must be whole, or something must begin to.
    """

    transport: Any

    def __init__(self, ingress: Ingress, peer: str) -> None:
        self.ingress = ingress
        self.peer = peer  # on a listener that asks for that: what a proxy said of it
        settings = ingress.settings
        self._reader: RequestReader | None = RequestReader(
            self,
            section_limit=settings.header_limit,
            field_limit=settings.header_fields,
            target_limit=settings.target_limit,
        )
        self._exchange: VisitorHttpLeg | None = None
        #: What came behind the request that is being answered.
        self._kept = b""
        self._paused = 0
        self._rest: bytes | None = None
        self._last = False
        self._reading = False
        self._again: IDelayedCall | None = None
        self._deadline = _NEVER
        self._came = 0
        self._body: MinimumRate | None = None

    def malformed(self, refusal: Refusal) -> None:
        """What has come of a head is none."""
        raise NotImplementedError

    def _begin(self, request: Request) -> None:
        """Answer a request, or open a stream for it."""
        raise NotImplementedError

    def _close(self) -> None:
        """Close the connection behind what has been written."""
        raise NotImplementedError

    def dataReceived(self, data: bytes) -> None:
        exchange = self._exchange
        if self._rest is not None:
            self._rest += data
            if len(self._rest) > _BEHIND_HANDSHAKE:
                self._pause(HANDSHAKE)
        elif self._kept or (exchange is not None and exchange.request_complete):
            self._keep(data)
        else:
            self._read(data)
        self.ingress.turn.input_done()

    def _keep(self, data: bytes) -> None:
        """Read this, and whatever comes behind it, when the request before it has been answered."""
        exchange = self._exchange
        if self._last or (exchange is not None and not exchange.request.keep_alive):
            return  # what follows the last request of a connection is not read
        self._kept += data
        self._pause(PENDING)

    def _read(self, data: bytes) -> None:
        """Parse until a request waits for its answer."""
        self._reading = True
        try:
            for _ in range(AT_ONCE):
                data = self._read_one(data)
                exchange = self._exchange
                if not data or self.full or (exchange is not None and exchange.request_complete):
                    break
        finally:
            self._reading = False
        if data:
            self._keep(data)
            if self._exchange is None and not self.full and not self._last:
                self._again = self.ingress.clock.callLater(0, self._go_on)

    def _read_one(self, data: bytes) -> bytes:
        """Parse up to the end of a request; returns what follows."""
        reader = self._reader
        if reader is None or self._last:
            return b""
        in_head = reader.in_head
        try:
            rest = reader.feed(data)
        except Refusal as refusal:
            self._refuse(refusal)
            return b""
        except Exception:
            _log.failure("a defect of Sellia's own ended a visitor's connection")
            self._last = True
            if self._exchange is not None:
                self._exchange.request_refused(INTERNAL, "")
            else:
                self.answer_problem(INTERNAL, None)
            return b""
        if reader.upgraded:
            self._rest_arrived(rest)
            return b""
        if not in_head and reader.in_head:
            self._deadline = self.ingress.clock.seconds() + self.ingress.settings.header_timeout
        return rest

    # --- the reader's sink ---------------------------------------------------------------------------------

    def request_begun(self, request: Request) -> None:
        if not self._last:
            self._begin(request)

    def body_received(self, data: bytes) -> None:
        if self._exchange is not None and not self._last:
            self._came += len(data)
            self._exchange.body_received(data)

    def request_ended(self, trailers: Headers) -> None:
        self._deadline = _NEVER
        if self._last:
            return
        if self._exchange is not None:
            self._complete(self._exchange, trailers)
        else:
            self._idle()

    def _complete(self, exchange: VisitorHttpLeg, trailers: Headers) -> None:
        exchange.request_ended(trailers)
        if exchange.deadline == _NEVER and not exchange.head_sent:
            exchange.await_service()

    # --- for exchanges -------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        self._pause(STREAM)
        exchange = self._exchange
        if exchange is not None and not exchange.head_sent and exchange.deadline == _NEVER:
            exchange.await_service()

    def resume_reading(self) -> None:
        self._resume(STREAM)
        exchange = self._exchange
        if exchange is not None and not exchange.request_complete:
            exchange.deadline = _NEVER

    # --- for the subclass ----------------------------------------------------------------------------------

    def _idle(self) -> None:
        """Between two requests."""
        if self._reader is not None and self._reader.at_start and not self._kept:
            self._deadline = self.ingress.clock.seconds() + self.ingress.settings.keep_alive

    def _advance(self) -> None:
        """Read on where a request has been answered, unless that was called from there, or the visitor is full."""
        if self._reading or self._exchange is not None or self.full:
            return
        kept, self._kept = self._kept, b""
        if kept:
            self._read(kept)
        if not self._kept:
            self._resume(PENDING)

    def _close_if_ended(self) -> None:
        """Close the connection if nothing more comes, and all that came has been answered."""
        raise NotImplementedError

    def _go_on(self) -> None:
        self._again = None
        self._advance()
        self._close_if_ended()
        self.ingress.turn.input_done()

    def _pace(self, exchange: VisitorHttpLeg) -> None:
        """A body that is still to come, of which we have read all that has come: is it fast enough?"""
        body, came, self._came = self._body, self._came, 0
        if body is None or self._paused or exchange.head_sent or exchange.awaits_continue:
            return
        if not body.lags(came, self.ingress.step):
            return
        self.ingress.guard.refused("body_rate", self.peer, 408)
        self._refuse(Refusal(REQUEST_TIMEOUT, "Its body comes more slowly than is allowed here."))

    def _stop(self) -> None:
        """Nothing that comes is a request any more."""
        self._last = True
        self._reader = None
        self._kept = b""
        again, self._again = self._again, None
        if again is not None:
            again.cancel()

    def _pause(self, why: int) -> None:
        if not self._paused:
            self.transport.pauseProducing()
        self._paused |= why

    def _resume(self, why: int) -> None:
        if self._paused:
            self._paused &= ~why
            if not self._paused:
                self.transport.resumeProducing()

    # --- inside --------------------------------------------------------------------------------------------

    def _rest_arrived(self, rest: bytes) -> None:
        """A handshake was read, and this behind it; it may have been answered already."""
        if self._reader is not None:
            self._rest = rest
        elif rest:
            self.dataReceived(rest)

    def _refuse(self, refusal: Refusal) -> None:
        """What is read is no request; nothing behind it is one."""
        if self._last:
            return
        self._last = True
        exchange = self._exchange
        if exchange is not None:
            exchange.request_refused(refusal.problem, refusal.detail)
        else:
            self.malformed(refusal)
            self.answer_problem(refusal.problem, None, refusal.detail)
