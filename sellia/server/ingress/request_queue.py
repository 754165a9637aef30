"""Queue of pipelined requests: what comes on a visitor's connection, one HTTP/1.1 request after the other.

Need
    Visitors may send the next request before the last is answered, and reverse proxies do; answers have to come in
    that order.

Invariants
    * At most one request of a connection is read and not yet answered; what came behind it waits, unread, in ``_kept``.
    * Reading is paused while anything waits there, and while the request's stream has enough.
    * After a refused request nothing of the connection's input is taken for a request any more.

States (`Intake`)
    Input is read as requests.  Behind a WebSocket handshake it is kept as it is, for whoever takes the socket over.
    Behind a refused request, and once the connection closes, it is dropped.

Bounds
    One read of the socket (120 KiB) is kept as it came, so what is pipelined takes as much memory as was sent.
    Requests that need no service are answered ``AT_ONCE`` at a time, and none while the visitor does not take its
    answers.  A body must keep to a least rate while we are willing to read it (`sellia.server.ingress.body_rate`).
    Behind a handshake 64 KiB are read before it is answered.
"""

from enum import Enum
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from sellia.errors import ProblemError
from sellia.problems import INTERNAL, REQUEST_TIMEOUT
from sellia.protocol.messages import Headers
from sellia.server.ingress.body_rate import MinimumRate
from sellia.server.ingress.exchange import VisitorHttpLeg
from sellia.server.ingress.http1 import Request, RequestReader
from sellia.server.ingress.ingress import Ingress
from sellia.server.ingress.patience import NEVER
from sellia.server.ingress.states import RequestBody

#: Maximum bytes behind a handshake before it is answered; then reading pauses.
_BEHIND_HANDSHAKE: Final = 64 * 1024

#: Pipelined requests that are answered in one turn of the reactor.
AT_ONCE: Final = 16

#: Reasons for which reading is paused, as bits: any of them is enough.
STREAM: Final = 1  #: the stream of the request has enough
PENDING: Final = 2  #: requests wait for their turn
BEHIND: Final = 4  #: a handshake is not answered yet
ANY: Final = STREAM | PENDING | BEHIND

_log = Logger()


#: Method, target and Host fields of a request, as far as they have come.
Asked = tuple[bytes, bytes, list[bytes]]


class Intake(Enum):
    """Use of what the connection brings."""

    REQUESTS = "parsed as requests"
    HANDSHAKE = "kept as it is, behind a WebSocket handshake"
    OVER = "dropped"


_REQUESTS: Final = Intake.REQUESTS
_HANDSHAKE: Final = Intake.HANDSHAKE
_OVER: Final = Intake.OVER
_COMPLETE: Final = RequestBody.COMPLETE


class RequestOwner(Protocol):
    """Connection whose requests are read."""

    ingress: Ingress
    transport: Any
    peer: str
    full: bool  #: whether the visitor takes no answers now
    exchange: VisitorHttpLeg | None  #: the request that is being answered

    def dataReceived(self, data: bytes) -> None:
        """Take input, which is not the queue's once another protocol has the socket."""

    def request_begun(self, request: Request) -> None:
        """Answer a request, or open a stream for it; then it is in ``exchange``."""

    def request_refused(self, refusal: ProblemError, asked: Asked | None) -> None:
        """Answer, and close behind the answer; ``asked`` is what came of a head, if it is the visitor's fault."""

    def idle(self) -> None:
        """Note that a request has been answered and read to its end: nothing is in exchange."""

    def close_if_ended(self) -> None:
        """Close if the visitor sends nothing more, and all that came has been answered."""


class PipelinedRequests:
    """Requests of one connection: takes them out of what comes, and gives each to its owner in its turn.

    The owner calls :meth:`advance` when an exchange is over.  While nothing is in exchange it looks at ``deadline``: by
    then, what has begun to come must be whole, or something must begin to.
    """

    __slots__ = (
        "_again",
        "_behind",
        "_body",
        "_came",
        "_intake",
        "_kept",
        "_late_head",
        "_owner",
        "_reader",
        "_reading",
        "deadline",
        "paused",
    )

    def __init__(self, owner: RequestOwner) -> None:
        self._owner = owner
        settings = owner.ingress.settings
        self._reader: RequestReader | None = RequestReader(
            self,
            section_limit=settings.header_limit,
            field_limit=settings.header_fields,
            target_limit=settings.target_limit,
        )
        self._intake = _REQUESTS
        #: Input behind the request that is being answered.
        self._kept = b""
        #: Input behind a handshake.
        self._behind = b""
        #: Reasons for which reading is paused.
        self.paused = 0
        #: Whether the parser is at work, further up the stack.
        self._reading = False
        #: Whether part of a head has come and has its deadline.
        self._late_head = False
        self._again: IDelayedCall | None = None
        self.deadline = NEVER
        #: Bytes of the body since the last look at its rate.
        self._came = 0
        self._body: MinimumRate | None = None

    # --- for the connection --------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take input."""
        owner = self._owner
        exchange = owner.exchange
        if self._intake is _HANDSHAKE:
            self._behind += data
            if len(self._behind) > _BEHIND_HANDSHAKE:
                self.pause(BEHIND)
        elif self._kept or (exchange is not None and exchange.incoming is _COMPLETE):
            self._keep(data)
        else:
            self._read(data)
        owner.ingress.turn.input_done()

    def advance(self) -> None:
        """Read on where a request has been answered, unless that was called from there, or the visitor is full."""
        owner = self._owner
        if self._reading or owner.exchange is not None or owner.full:
            return
        kept, self._kept = self._kept, b""
        if kept:
            self._read(kept)
        if self.paused and not self._kept:
            self.resume(PENDING)

    def await_next(self) -> bool:
        """Start the time in which the next request must begin, unless some of it is there.

        Return whether what comes is still read as requests.
        """
        if self._reader is not None and self._reader.at_start and not self._kept:
            self.deadline = self._owner.ingress.clock.seconds() + self._owner.ingress.settings.keep_alive
        return self._intake is not _OVER

    def refuse(self, refusal: ProblemError) -> None:
        """Take nothing that comes for a request any more, and let the owner answer."""
        if self._reader is not None:
            self._end(refusal, self._reader.so_far)

    def check_rate(self, exchange: VisitorHttpLeg) -> None:
        """Refuse a body that comes too slowly, although all of it that has come was read."""
        body, came, self._came = self._body, self._came, 0
        if body is None or self.paused or exchange.head_sent or exchange.awaits_continue:
            return
        ingress = self._owner.ingress
        if not body.lags(came, ingress.step):
            return
        ingress.guard.refused("body_rate", self._owner.peer, 408)
        self.refuse(ProblemError(REQUEST_TIMEOUT, "Its body comes more slowly than is allowed here."))

    def stop(self) -> None:
        """Drop all input from now on."""
        self._intake = _OVER
        self._reader = None
        self._kept = self._behind = b""
        again, self._again = self._again, None
        if again is not None:
            again.cancel()

    def hand_over(self) -> bytes:
        """Stop, resume reading, and return the input behind the handshake, for whoever has the socket from now on."""
        behind = self._behind
        self.stop()
        self.resume(ANY)
        return behind

    def let_go(self) -> None:
        """Stop and drop the reference to the owner, so that no circle is left for the garbage collector."""
        self.stop()
        del self._owner

    def pause(self, reason: int) -> None:
        """Pause reading for one more reason."""
        if not self.paused:
            self._owner.transport.pauseProducing()
        self.paused |= reason

    def resume(self, reasons: int) -> None:
        """Drop these reasons, and read if none is left."""
        if self.paused:
            self.paused &= ~reasons
            if not self.paused:
                self._owner.transport.resumeProducing()

    @property
    def over(self) -> bool:
        """Whether nothing that comes is a request any more."""
        return self._intake is _OVER

    @property
    def waiting(self) -> bool:
        """Whether requests, or parts of one, wait for their turn."""
        return bool(self._kept)

    @property
    def going_on(self) -> bool:
        """Whether `advance` has been scheduled, behind as many requests as are answered at once."""
        return self._again is not None

    @property
    def in_head(self) -> bool:
        """Whether part of a head has come, and the rest is awaited."""
        return self._reader is not None and self._reader.in_head

    @property
    def at_start(self) -> bool:
        """Whether all that has come was part of a request that has been read to its end."""
        return self._intake is _REQUESTS and not self._kept and self._reader is not None and self._reader.at_start

    # --- the reader's sink ---------------------------------------------------------------------------------

    def request_begun(self, request: Request) -> None:
        if self._intake is _OVER:
            return
        self.deadline = NEVER
        if request.has_body:
            self._came = 0
            self._body = MinimumRate(self._owner.ingress.settings)
        self._owner.request_begun(request)

    def body_received(self, data: bytes) -> None:
        exchange = self._owner.exchange
        if exchange is not None and self._intake is _REQUESTS:
            self._came += len(data)
            exchange.body_received(data)

    def request_ended(self, trailers: Headers) -> None:
        self.deadline = NEVER
        if self._intake is _OVER:
            return
        exchange = self._owner.exchange
        if exchange is None:
            self._owner.idle()
            return
        exchange.request_ended(trailers)
        if exchange.deadline == NEVER and not exchange.head_sent:
            exchange.await_service()

    # --- inside --------------------------------------------------------------------------------------------

    def _keep(self, data: bytes) -> None:
        """Read this, and whatever comes behind it, when the request before it has been answered."""
        exchange = self._owner.exchange
        if self._intake is _OVER or (exchange is not None and not exchange.request.keep_alive):
            return  # what follows the last request of a connection is not read
        self._kept += data
        self.pause(PENDING)

    def _read(self, data: bytes) -> None:
        """Parse until a request waits for its answer."""
        owner = self._owner
        self._reading = True
        try:
            for _ in range(AT_ONCE):
                data = self._read_one(data)
                exchange = owner.exchange
                if not data or owner.full or (exchange is not None and exchange.incoming is _COMPLETE):
                    break
        finally:
            self._reading = False
        if data:
            self._keep(data)
            if owner.exchange is None and not owner.full and self._intake is _REQUESTS:
                self._again = owner.ingress.clock.callLater(0, self._go_on)

    def _read_one(self, data: bytes) -> bytes:
        """Parse up to the end of a request; returns what follows."""
        reader = self._reader
        if reader is None:
            return b""
        try:
            rest = reader.feed(data)
        except ProblemError as refusal:
            self.refuse(refusal)
            return b""
        except Exception:
            _log.failure("a defect of Sellia's own ended a visitor's connection")
            self._end(ProblemError(INTERNAL), None)
            return b""
        if reader.upgraded:
            self._handshake_read(rest)
            return b""
        if reader.at_start or not reader.in_head:
            self._late_head = False
        elif not self._late_head:
            self._late_head = True
            self.deadline = self._owner.ingress.clock.seconds() + self._owner.ingress.settings.header_timeout
        return rest

    def _handshake_read(self, rest: bytes) -> None:
        """Keep what came behind a handshake, or pass it on if the handshake has been answered already."""
        if self._intake is _REQUESTS:
            self._intake = _HANDSHAKE
            self._behind = rest
        elif rest:
            self._owner.dataReceived(rest)

    def _end(self, refusal: ProblemError, asked: Asked | None) -> None:
        self._intake = _OVER
        self._reader = None
        exchange = self._owner.exchange
        if exchange is not None:
            exchange.request_refused(refusal.problem, refusal.detail)
        else:
            self._owner.request_refused(refusal, asked)

    def _go_on(self) -> None:
        self._again = None
        self.advance()
        self._owner.close_if_ended()
        self._owner.ingress.turn.input_done()
