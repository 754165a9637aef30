"""One connection of a visitor: HTTP/1.1 requests in, responses out in their order.

Need
    A connection carries requests for different hosts one after the other, because a reverse proxy in front pools its
    connections.  Each request finds its way (`sellia.server.routing`), gets an exchange, and its response is written
    back in order.

Invariants
    * At most one request of a connection is in exchange; what was pipelined behind it waits in ``_pending``.
    * Reading is paused while anything waits there, and while the request's stream has enough.
    * After a refused request, a refused upgrade, or a response without keep-alive, nothing of the connection's input
      is taken for a request any more.  What is refused is answered in its turn.

Bounds
    One socket read (120 KiB) may hold many tiny requests: at most ``pipelined_requests`` of them are kept, the
    connection ends behind the last.  Heads have limits of size, count and time; idle connections have one of time.  A
    body must keep to a least rate while we are willing to read it (`sellia.server.pace`), somebody for whom something
    waits must take some of it now and then (`sellia.transports.unread`), and the end of a connection has a time, too
    (`sellia.server.parting`).

Designs not chosen
    *twisted.web*: runs a request once its body is whole.
"""

from collections import deque
from typing import Any, Final

from twisted.internet.interfaces import IAddress, IHandshakeListener, IPushProducer
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.errors import PROBLEMS, Problem
from sellia.protocol.messages import Headers
from sellia.relay.answers import RETRY_AFTER_SECONDS, answer, to_bytes
from sellia.relay.forwarded import UNIX, plain_address
from sellia.relay.stream import Stream
from sellia.relay.text import shown_host, shown_target
from sellia.server.carrier import Carrier
from sellia.server.exchange import HttpExchange
from sellia.server.guard import HEAD_LIMITS
from sellia.server.http1 import Refusal, Request, RequestReader
from sellia.server.ingress import Ingress
from sellia.server.pace import BodyPace
from sellia.server.parting import Parting
from sellia.server.routing import route
from sellia.server.turnedaway import TurnedAway
from sellia.transports.link import quicken
from sellia.transports.turn import Outlet, unsent
from sellia.transports.unread import Unread
from sellia.transports.verbosity import verbosity

#: Octets that may come behind a handshake before it is answered; then reading pauses.
_BEHIND_HANDSHAKE: Final = 64 * 1024

#: Why reading is paused; any of them is enough.
_STREAM: Final = 1
_PENDING: Final = 2
_HANDSHAKE: Final = 4

_NEVER: Final = float("inf")

_log = Logger()


class VisitorFactory(Factory):
    """Makes a :class:`VisitorConnection` for each connection of a listener."""

    noisy = False

    def __init__(self, ingress: Ingress) -> None:
        self.ingress = ingress

    def buildProtocol(self, addr: IAddress | None) -> "VisitorConnection | TurnedAway":
        return self.build(plain_address(getattr(addr, "host", UNIX)))

    def build(self, peer: str) -> "VisitorConnection | TurnedAway":
        """What a connection from ``peer`` is to be."""
        ingress = self.ingress
        limit = ingress.guard.full(peer, trusted=ingress.trusted.is_trusted(peer))
        if limit is not None:
            return self.turn_away(peer, limit)
        connection = VisitorConnection(ingress, peer)
        connection.factory = self
        return connection

    def turn_away(self, peer: str, limit: str) -> TurnedAway:
        """A connection from ``peer`` for which there is no room, by that limit."""
        connection = TurnedAway(self.ingress, peer, limit)
        connection.factory = self
        return connection


class _Waiting:
    """A pipelined request that has been read, as far as it has been."""

    __slots__ = ("body", "complete", "request", "trailers")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.body: list[bytes] = []
        self.complete = False
        self.trailers: Headers = []


@implementer(IPushProducer, IHandshakeListener)
class VisitorConnection(Carrier, Unread, TwistedProtocol):
    """One connection of a visitor, or of a reverse proxy on behalf of many."""

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
        self.full = False
        self._lagging: list[Stream] = []
        self._rest: bytes | None = None
        self._last = False
        self._refusal: Refusal | None = None
        self._advancing = False
        self._deadline = _NEVER
        #: Once nothing that comes is a request any more, and nothing but what was written is sent.
        self._parting: Parting | None = None
        self._came = 0
        self._body: BodyPace | None = None
        self._shaking = False
        #: For whom it counts besides its peer: behind a trusted proxy, the visitor who asked for a WebSocket.
        self.counted = ""

    # --- Twisted -------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        transport = self.transport
        quicken(transport)
        self._outlet = Outlet(transport, self.ingress.turn)
        transport.registerProducer(self, True)
        self.peer_octets = b"" if self.peer == UNIX else self.peer.encode("ascii", "replace")
        self.trusted = self.ingress.trusted.is_trusted(self.peer)
        settings = self.ingress.settings
        self._shaking = hasattr(transport, "getPeerCertificate")
        self.scheme = b"https" if settings.https or self._shaking else b"http"
        patience = settings.handshake_timeout if self._shaking else settings.keep_alive
        self._deadline = self.ingress.clock.seconds() + patience
        self._entered = self.ingress.guard.enter(self.peer, trusted=self.trusted)
        self.ingress.connections.add(self)

    def handshakeCompleted(self) -> None:
        """TLS is established; only now it is a connection like any other."""
        if self._shaking:
            self._shaking = False
            self._deadline = self.ingress.clock.seconds() + self.ingress.settings.keep_alive

    def dataReceived(self, data: bytes) -> None:
        reader = self._reader
        if reader is None or self._last:
            return
        if self._rest is not None:
            self._rest += data
            if len(self._rest) > _BEHIND_HANDSHAKE:
                self._pause(_HANDSHAKE)
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
            self._pause(_PENDING)
        self.ingress.turn.nudge()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ingress.connections.discard(self)
        self.ingress.guard.connections.leave(self._entered)
        self._part()
        for stream in self._lagging:
            stream.reset("visitor-gone")
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.visitor_gone()

    # --- the transport: a producer -------------------------------------------------------------------------

    def resumeProducing(self) -> None:
        self.full = False
        for stream in self._lagging:
            stream.flow()
        self._lagging.clear()
        if self._exchange is not None and self._exchange.stream is not None:
            self._exchange.stream.flow()

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

    # --- routing -------------------------------------------------------------------------------------------

    def _begin(self, request: Request) -> None:
        """Answer a request, or open a stream for it."""
        self._deadline = _NEVER
        if request.has_body:
            self._came = 0
            self._body = BodyPace(self.ingress.settings, expects=bool(request.values(b"expect")))
        route(self, request)

    # --- for exchanges -------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self._outlet.write(data)

    def pause_reading(self) -> None:
        self._pause(_STREAM)
        exchange = self._exchange
        if exchange is not None and not exchange.head_sent and exchange.deadline == _NEVER:
            exchange.deadline = self.ingress.clock.seconds() + self.ingress.settings.request_timeout

    def resume_reading(self) -> None:
        self._resume(_STREAM)
        exchange = self._exchange
        if exchange is not None and not exchange.request_complete:
            exchange.deadline = _NEVER

    def answer_problem(
        self,
        problem: Problem,
        request: Request | None,
        detail: str = "",
        exchange: HttpExchange | None = None,
        realm: str = "",
        retry_after: int = RETRY_AFTER_SECONDS,
    ) -> None:
        """The request, if it was read to its end, is not the connection's last for that."""
        complete = request is not None and (
            exchange.request_complete if exchange is not None else not request.has_body and not request.upgrade
        )
        keep = complete and request is not None and request.keep_alive and not request.upgrade
        keep = keep and not self.ingress.draining
        accept = b",".join(request.values(b"accept")) if request is not None else b""
        host = request.hosts[0] if request is not None and request.hosts else b""
        target = request.target if request is not None else b""
        response = answer(
            problem,
            accept=accept,
            host=host,
            target=target,
            detail=detail,
            realm=realm,
            retry_after=retry_after,
        )
        if request is None and problem.word in HEAD_LIMITS:
            self.ingress.guard.refused(HEAD_LIMITS[problem.word], self.peer, response.status)
        if request is not None and request.minor == 0 and keep:
            response.headers.append((b"Connection", b"keep-alive"))
        head = request is not None and request.method == b"HEAD"
        self.write(to_bytes(response, head=head, close=not keep))
        if verbosity.debug:
            _log.debug(
                "answered {status} {word}: peer={peer} host={host} target={target}",
                status=response.status,
                word=problem.word,
                peer=self.peer,
                host=shown_host(host),
                target=shown_target(target),
            )
        if exchange is not None and exchange is self._exchange:
            exchange.keep_alive = keep
            self.exchange_over(exchange)
        elif not keep:
            self._close()
        else:
            self._idle()

    def exchange_over(self, exchange: HttpExchange) -> None:
        """Go on with the next request, or close."""
        if exchange is not self._exchange:
            return
        self._exchange = None
        if exchange.stream is not None and self.full and exchange.stream.untaken:
            self._lagging.append(exchange.stream)
        if not exchange.keep_alive or not exchange.request_complete or self._parting is not None:
            self._close()
            return
        self._resume(_STREAM)
        self._idle()
        if not self._advancing:
            self._advance()

    def let_go(self) -> Any:
        self._outlet.flush()
        for stream in self._lagging:
            stream.flow()  # who is told when the transport is empty will not be us
        self._lagging.clear()
        self.transport.unregisterProducer()
        return self.transport

    def become(self, protocol: Any) -> None:
        rest, self._rest = self._rest, None
        self.ingress.connections.discard(self)
        self._reader = None
        self._exchange = None
        lost = self.ingress.guard.until_lost(protocol, self._entered, self.counted)
        self.dataReceived = protocol.dataReceived  # type: ignore[method-assign]
        self.connectionLost = lost  # type: ignore[method-assign, assignment]
        self._resume(_STREAM | _PENDING | _HANDSHAKE)
        if rest:
            protocol.dataReceived(rest)

    def break_off(self) -> None:
        if self._parting is not None:
            return
        exchange, self._exchange = self._exchange, None
        self._outlet.flush()
        self._part().break_off(delimited=exchange is not None and exchange.delimited)

    def drop(self) -> None:
        """Cut the connection, behind what it takes at once of an answer that is complete."""
        self._outlet.flush()
        if self._exchange is None and not unsent(self.transport):
            self.transport.loseConnection()
        else:
            self.transport.abortConnection()

    @property
    def busy(self) -> bool:
        """Whether the visitor waits for a response, or for the rest of one."""
        return self._exchange is not None or bool(self._pending) or unsent(self.transport) > 0

    # --- deadlines -----------------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """Once a second."""
        exchange = self._exchange
        if exchange is not None:
            if exchange.overdue(now):
                exchange.timed_out("response-timeout")
            elif self.unread(now) >= self.ingress.settings.unread_timeout:
                self.ingress.guard.refused("unread", self.peer, "closed")
                self.transport.abortConnection()
            elif not exchange.request_complete:
                self._pace(exchange)
        elif self._parting is not None:
            self._parting.check(now)
        elif self._deadline <= now:
            reader = self._reader
            if reader is not None and reader.in_head:
                self.ingress.guard.refused("header_time", self.peer, 408)
                self._refuse(Refusal(PROBLEMS["request-timeout"]))
            elif not self._pending:
                if self._shaking:
                    self.ingress.guard.refused("tls_handshake", self.peer, "closed")
                else:
                    self.ingress.guard.count("idle")
                self._close()

    # --- inside --------------------------------------------------------------------------------------------

    def _pace(self, exchange: HttpExchange) -> None:
        """A body that is still to come, of which we have read all that has come: is it fast enough?"""
        body, came, self._came = self._body, self._came, 0
        if body is None or self._paused or exchange.head_sent or not body.lags(came, self.ingress.step):
            return
        self.ingress.guard.refused("body_rate", self.peer, 408)
        self._refuse(Refusal(PROBLEMS["request-timeout"], "Its body comes more slowly than is allowed here."))

    def _idle(self) -> None:
        """Between two requests."""
        if self._reader is not None and self._reader.at_start and not self._pending:
            self._deadline = self.ingress.clock.seconds() + self.ingress.settings.keep_alive

    def _feed(self, waiting: _Waiting) -> None:
        """Give the exchange that has just begun what came of its request's body, until it wants no more."""
        for data in waiting.body:
            if self._exchange is None:
                return
            self._came += len(data)
            self._exchange.body_received(data)
        if waiting.complete and self._exchange is not None:
            self._complete(self._exchange, waiting.trailers)

    def _advance(self) -> None:
        """Answer what was pipelined, as far as it can be answered now."""
        self._advancing = True
        try:
            while self._exchange is None and self._pending and self._parting is None:
                waiting = self._pending.popleft()
                self._begin(waiting.request)
                self._feed(waiting)
        finally:
            self._advancing = False
        if not self._pending:
            if self._last and self._exchange is None:
                refusal = self._refusal
                if refusal is not None and self._parting is None:
                    self.answer_problem(refusal.problem, None, refusal.detail)
                self._close()
                return
            self._resume(_PENDING)

    def _rest_arrived(self, rest: bytes) -> None:
        """A handshake was read, and this behind it; it may have been answered already."""
        if self._reader is not None:
            self._rest = rest
        elif rest and self._parting is None:
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

    def _close(self) -> None:
        """Close behind what has been written.  A visitor that still sends is read for a while, lest it gets a reset."""
        if self._parting is not None:
            return
        reader = self._reader
        more = self._last or bool(self._pending) or self._rest is not None or reader is None or not reader.at_start
        parting = self._part()
        self._outlet.flush()
        self._resume(_STREAM | _PENDING | _HANDSHAKE)
        parting.close(more=more)

    def _part(self) -> Parting:
        self._last = True
        self._reader = None
        self._pending.clear()
        ingress = self.ingress
        parting = self._parting = Parting(self.transport, ingress.clock.seconds(), ingress.settings.keep_alive)
        return parting

    def _pause(self, why: int) -> None:
        if not self._paused:
            self.transport.pauseProducing()
        self._paused |= why

    def _resume(self, why: int) -> None:
        if self._paused:
            self._paused &= ~why
            if not self._paused:
                self.transport.resumeProducing()
