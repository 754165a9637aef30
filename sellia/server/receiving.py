"""What comes on a visitor's connection: HTTP/1.1 requests, one after the other.

Need
    Visitors may send the next request before the last is answered, and reverse proxies do; answers have to come in
    that order.

Invariants
    * At most one request of a connection is in exchange; what was pipelined behind it waits in ``_pending``.
    * Reading is paused while anything waits there, and while the request's stream has enough.
    * After a refused request nothing of the connection's input is taken for a request any more.  What is refused is
      answered in its turn.

Bounds
    One socket read (120 KiB) may hold many tiny requests: at most ``pipelined_requests`` of them are kept, the
    connection ends behind the last.  A body must keep to a least rate while we are willing to read it
    (`sellia.server.pace`).  Behind a handshake 64 KiB are read before it is answered.
"""

from collections import deque
from typing import Any, Final

from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.logger import Logger

from sellia.errors import PROBLEMS
from sellia.protocol.messages import Headers
from sellia.server.carrier import Carrier
from sellia.server.exchange import HttpExchange
from sellia.server.http1 import Refusal, Request, RequestReader
from sellia.server.ingress import Ingress
from sellia.server.pace import BodyPace

#: Octets that may come behind a handshake before it is answered; then reading pauses.
_BEHIND_HANDSHAKE: Final = 64 * 1024

#: Why reading is paused; any of them is enough.
STREAM: Final = 1
PENDING: Final = 2
HANDSHAKE: Final = 4

_NEVER: Final = float("inf")

_log = Logger()


class _Waiting:
    """A pipelined request that has been read, as far as it has been."""

    __slots__ = ("body", "complete", "request", "trailers")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.body: list[bytes] = []
        self.complete = False
        self.trailers: Headers = []


class Receiver(Carrier, TwistedProtocol):
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
        self._exchange: HttpExchange | None = None
        self._pending: deque[_Waiting] = deque()
        self._paused = 0
        self._rest: bytes | None = None
        self._last = False
        self._refusal: Refusal | None = None
        self._advancing = False
        self._deadline = _NEVER
        self._came = 0
        self._body: BodyPace | None = None

    def _begin(self, request: Request) -> None:
        """Answer a request, or open a stream for it."""
        raise NotImplementedError

    def _close(self) -> None:
        """Close the connection behind what has been written."""
        raise NotImplementedError

    def dataReceived(self, data: bytes) -> None:
        reader = self._reader
        if reader is None or self._last:
            return
        if self._rest is not None:
            self._rest += data
            if len(self._rest) > _BEHIND_HANDSHAKE:
                self._pause(HANDSHAKE)
            return
        in_head = reader.in_head
        try:
            rest = reader.feed(data)
        except Refusal as refusal:
            self._refuse(refusal)
        except Exception:
            _log.failure("a defect of Sellia's own ended a visitor's connection")
            self._last = True
            self._pending.clear()
            if self._exchange is not None:
                self._exchange.request_refused("internal", "")
            else:
                self.answer_problem(PROBLEMS["internal"], None)
        else:
            if rest is not None:
                self._rest_arrived(rest)
            elif not in_head and reader.in_head:
                self._deadline = self.ingress.clock.seconds() + self.ingress.settings.header_timeout
        if self._pending:
            self._pause(PENDING)
        self.ingress.turn.nudge()

    # --- the reader's sink ---------------------------------------------------------------------------------

    def request_begun(self, request: Request) -> None:
        if self._last:
            return  # it was read together with the one that was refused
        if self._exchange is None and not self._pending:
            self._begin(request)
        elif len(self._pending) < self.ingress.settings.pipelined_requests:
            self._pending.append(_Waiting(request))
        else:
            self._last = True
            self.ingress.guard.refused("pipelined", self.peer, "closed")

    def body_received(self, data: bytes) -> None:
        if self._last:
            return
        if self._pending:
            self._pending[-1].body.append(data)
        elif self._exchange is not None:
            self._came += len(data)
            self._exchange.body_received(data)

    def request_ended(self, trailers: Headers) -> None:
        self._deadline = _NEVER
        if self._last:
            return
        if self._pending:
            self._pending[-1].complete = True
            self._pending[-1].trailers = trailers
        elif self._exchange is not None:
            self._complete(self._exchange, trailers)
        else:
            self._idle()

    def _complete(self, exchange: HttpExchange, trailers: Headers) -> None:
        exchange.request_ended(trailers)
        if exchange.deadline == _NEVER and not exchange.head_sent:
            exchange.deadline = self.ingress.clock.seconds() + self.ingress.settings.request_timeout

    # --- for exchanges -------------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        self._pause(STREAM)
        exchange = self._exchange
        if exchange is not None and not exchange.head_sent and exchange.deadline == _NEVER:
            exchange.deadline = self.ingress.clock.seconds() + self.ingress.settings.request_timeout

    def resume_reading(self) -> None:
        self._resume(STREAM)
        exchange = self._exchange
        if exchange is not None and not exchange.request_complete:
            exchange.deadline = _NEVER

    # --- for the subclass ----------------------------------------------------------------------------------

    def _idle(self) -> None:
        """Between two requests."""
        if self._reader is not None and self._reader.at_start and not self._pending:
            self._deadline = self.ingress.clock.seconds() + self.ingress.settings.keep_alive

    def _advance(self) -> None:
        """Answer what was pipelined, as far as it can be answered now."""
        self._advancing = True
        try:
            while self._exchange is None and self._pending:
                waiting = self._pending.popleft()
                self._begin(waiting.request)
                self._feed(waiting)
        finally:
            self._advancing = False
        if not self._pending:
            if self._last and self._exchange is None:
                refusal = self._refusal
                if refusal is not None and self._reader is not None:
                    self.answer_problem(refusal.problem, None, refusal.detail)
                self._close()
                return
            self._resume(PENDING)

    def _feed(self, waiting: _Waiting) -> None:
        """Give the exchange that has just begun what came of its request's body, until it wants no more."""
        for data in waiting.body:
            if self._exchange is None:
                return
            self._came += len(data)
            self._exchange.body_received(data)
        if waiting.complete and self._exchange is not None:
            self._complete(self._exchange, waiting.trailers)

    def _pace(self, exchange: HttpExchange) -> None:
        """A body that is still to come, of which we have read all that has come: is it fast enough?"""
        body, came, self._came = self._body, self._came, 0
        if body is None or self._paused or exchange.head_sent or not body.lags(came, self.ingress.step):
            return
        self.ingress.guard.refused("body_rate", self.peer, 408)
        self._refuse(Refusal(PROBLEMS["request-timeout"], "Its body comes more slowly than is allowed here."))

    def _stop(self) -> None:
        """Nothing that comes is a request any more."""
        self._last = True
        self._reader = None
        self._pending.clear()

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
        exchange, pending = self._exchange, self._pending
        if pending and not pending[-1].complete:
            pending.pop()  # it was read in part
        elif not pending and exchange is not None and not exchange.request_complete:
            exchange.request_refused(refusal.problem.word, refusal.detail)
            return
        if exchange is not None or pending:
            self._refusal = refusal  # answered in its turn
        else:
            self.answer_problem(refusal.problem, None, refusal.detail)
