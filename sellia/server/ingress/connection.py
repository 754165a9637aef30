"""One connection of a visitor: HTTP/1.1 requests in, responses out in their order.

Need
    A connection carries requests for different hosts one after the other, because a reverse proxy in front pools its
    connections.  Each request, as it has been received (`sellia.server.ingress.request_queue`), finds its way
    (`sellia.server.ingress.routing`), gets an exchange, and its response is written back in order.

Invariant
    After a refused upgrade, or a response without keep-alive, nothing of the connection's input is taken for a request
    any more.

Half-close
    A visitor that has sent FIN behind its request is answered (RFC 9112, 9.6).  One that has closed its connection
    sends the same FIN, and is told apart by the reset that comes when it is written to.  So whatever the answer will
    be, its first bytes are written then: ``HTTP/1.1`` and a space, or, where it is under way in chunks, a zero in front
    of the next chunk's size.  While reading is paused not even FIN need arrive, as it waits behind what is not read: so
    the same bytes are written one at a time, after 4, 8, 16 seconds and so on.

Bounds
    What is received has bounds of its own.  Heads have limits of size, count and time; idle connections have one of
    time.  Somebody for whom something waits must take some of it now and then (`sellia.transports.reactor.unread`), and
    the end of a connection has a time, too (`sellia.server.ingress.closing`).

Designs not chosen
    *twisted.web*: runs a request once its body is whole.
"""

from typing import Any, Final

from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener, IPushProducer
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.problems import REQUEST_TIMEOUT, RESPONSE_TIMEOUT, VISITOR_GONE, Problem
from sellia.protocol.messages import VisitorLeft
from sellia.relay.http.error_responses import RETRY_AFTER_SECONDS, answer, to_bytes
from sellia.relay.http.forwarded import UNIX
from sellia.relay.mux.stream import Stream, StreamOwner
from sellia.server.ingress.body_rate import MinimumRate
from sellia.server.ingress.closing import LingeringClose
from sellia.server.ingress.exchange import VisitorHttpLeg
from sellia.server.ingress.http1 import Refusal, Request
from sellia.server.ingress.ingress import Ingress
from sellia.server.ingress.request_queue import HANDSHAKE, PENDING, STREAM, PipelinedRequests
from sellia.server.ingress.routing import malformed, route
from sellia.server.ingress.upgrade import VisitorUpgradeLeg
from sellia.server.limiter import HEAD_LIMITS
from sellia.text import field, shown_host, shown_target
from sellia.transports.reactor.batching import BufferedWriter
from sellia.transports.reactor.sockets import ENDED, GONE, hangup, quicken, unsent
from sellia.transports.reactor.unread import Unread
from sellia.transports.reactor.verbosity import verbosity

_NEVER: Final = float("inf")

#: How each answer begins.
_BEGINNING: Final = b"HTTP/1.1 "

#: Seconds for which nothing is read of a visitor before it is written to only to see whether it is there.
_STILL: Final = 4

#: Zeros that are written in front of a chunk's size at most: there are parsers that read no more than 16 digits.
_ZEROS: Final = 8

_log = Logger()


@implementer(IPushProducer, IHandshakeListener, IHalfCloseableProtocol)
class VisitorConnection(PipelinedRequests, Unread):
    """One connection of a visitor, or of a reverse proxy on behalf of many."""

    exchanges = VisitorHttpLeg
    upgrades = VisitorUpgradeLeg

    def __init__(self, ingress: Ingress, peer: str) -> None:
        super().__init__(ingress, peer)
        self.full = False
        self._lagging: list[Stream] = []
        #: Once nothing that comes is a request any more, and nothing but what was written is sent.
        self._parting: LingeringClose | None = None
        self._shaking = False
        #: Whether the visitor sends nothing more, as it says itself or as the kernel does.
        self._ended = self._known_ended = False
        #: Seconds for which nothing has been read, and bytes of the next answer's beginning that are written.
        self._still = self._begun = 0
        #: An exchange, and the zeros that are written for it.
        self._zeroed: VisitorHttpLeg | None = None
        self._zeros = 0
        #: Sessions whose clients may keep a connection to a service for this one.
        self._sessions: set[StreamOwner] = set()

    # --- Twisted -------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        transport = self.transport
        quicken(transport)
        self._outlet = BufferedWriter(transport, self.ingress.turn)
        transport.registerProducer(self, True)
        self.peer_octets = b"" if self.peer == UNIX else self.peer.encode("ascii", "replace")
        self.trusted = self.ingress.trusted.is_trusted(self.peer)
        self.number = 0 if self.trusted else next(self.ingress.numbers)
        settings = self.ingress.settings
        self._shaking = hasattr(transport, "getPeerCertificate")
        self.scheme = b"https" if settings.https or self._shaking else b"http"
        patience = settings.handshake_timeout if self._shaking else settings.keep_alive
        self._deadline = self.ingress.clock.seconds() + patience
        guard = self.ingress.guard
        self._place = guard.enter(self.peer, trusted=self.trusted)
        self.lent = guard.places.exceeded
        guard.places.idle(self, self._evict)
        self.ingress.connections.add(self)

    def handshakeCompleted(self) -> None:
        """TLS is established; only now it is a connection like any other."""
        if self._shaking:
            self._shaking = False
            self._deadline = self.ingress.clock.seconds() + self.ingress.settings.keep_alive

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._shaking and self._parting is None:
            self.ingress.guard.handshake_failed(self.peer, reason)
        self.ingress.connections.discard(self)
        self._place.leave()
        self._part()
        for stream in self._lagging:
            stream.reset(VISITOR_GONE)
        exchange, self._exchange = self._exchange, None
        self._zeroed = None
        if exchange is not None:
            exchange.visitor_gone()
        self._tell_left()

    def readConnectionLost(self) -> None:
        """The visitor sends nothing more: if it has asked for something, it is answered."""
        if self._ended:
            return
        self._ended = True
        exchange = self._exchange
        if self._parting is not None:
            self.transport.loseConnection()
        elif exchange is None:
            self._close_if_ended()
        elif exchange.request_complete and self._rest is None:
            self._probe(len(_BEGINNING))
        else:
            self.transport.abortConnection()

    def writeConnectionLost(self) -> None:
        """What was written to a visitor whose connection has ended from here is out."""

    # --- the transport: a producer -------------------------------------------------------------------------

    def resumeProducing(self) -> None:
        self.full = False
        for stream in self._lagging:
            stream.flow()
        self._lagging.clear()
        if self._exchange is not None and self._exchange.stream is None:
            self._exchange.takes_more()
        if self._exchange is not None and self._exchange.stream is not None:
            self._exchange.stream.flow()
        elif self._kept and self._again is None:
            self._advance()

    # --- from the receiver ---------------------------------------------------------------------------------

    def malformed(self, refusal: Refusal) -> None:
        if self._reader is not None:
            malformed(self, refusal, self._reader.so_far)

    def _idle(self) -> None:
        super()._idle()
        if self._parting is None and self._reader is not None:
            self.ingress.guard.places.idle(self, self._evict)

    def _evict(self) -> None:
        """Somebody else needs its place."""
        self._shaking = False
        self._place.leave()
        self._stop()  # what has arrived already may still be read in this turn
        self.drop()

    def _begin(self, request: Request) -> None:
        self.ingress.guard.places.busy(self)
        self._deadline = _NEVER
        if request.has_body:
            self._came = 0
            self._body = MinimumRate(self.ingress.settings)
        route(self, request)

    # --- for exchanges -------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self._outlet.write(data)

    def answer_problem(
        self,
        problem: Problem,
        request: Request | None,
        detail: str = "",
        exchange: VisitorHttpLeg | None = None,
        realm: str = "",
        retry_after: int = RETRY_AFTER_SECONDS,
    ) -> None:
        """The request, if it was read to its end, is not the connection's last for that."""
        complete = request is not None and (
            exchange.request_complete if exchange is not None else not request.has_body and not request.upgrade
        )
        keep = complete and request is not None and request.keep_alive and not request.upgrade
        keep = keep and not self.ingress.draining and not self._last
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
            cross_origin=request is not None and bool(request.values(b"origin")),
        )
        if request is None and problem in HEAD_LIMITS:
            self.ingress.guard.refused(HEAD_LIMITS[problem], self.peer, response.status)
        if request is not None and request.minor == 0 and keep:
            response.headers.append((b"Connection", b"keep-alive"))
        head = request is not None and request.method == b"HEAD"
        self.write(to_bytes(response, head=head, close=not keep))
        if verbosity.debug:
            _log.debug(
                "answered {status} {word}: peer={peer} host={host} target={target}",
                status=response.status,
                word=problem.code,
                peer=field(self.peer),
                host=field(shown_host(host)),
                target=field(shown_target(target)),
            )
        if exchange is not None and exchange is self._exchange:
            exchange.keep_alive = keep
            self.exchange_over(exchange)
        elif not keep:
            self._close()
        else:
            self._idle()

    def exchange_over(self, exchange: VisitorHttpLeg) -> None:
        """Go on with the next request, or close."""
        if exchange is not self._exchange:
            return
        self._exchange = None
        if exchange.stream is not None and self.full and exchange.stream.untaken:
            self._lagging.append(exchange.stream)
        if not exchange.keep_alive or not exchange.request_complete or self._parting is not None:
            self._close()
            return
        self._resume(STREAM)
        self._idle()
        self._advance()
        self._close_if_ended()

    def answered(self, session: StreamOwner) -> None:
        if self.number:
            self._sessions.add(session)

    def _tell_left(self) -> None:
        """No more requests come from this connection: clients close what they kept for it."""
        for session in self._sessions:
            if not session.closed:
                session.say(VisitorLeft(self.number))
        self._sessions.clear()

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
        self._tell_left()
        self._reader = None
        self._exchange = None
        self.ingress.guard.places.busy(self)
        lost = self.ingress.guard.until_lost(protocol, self._place, self.counted)
        self.dataReceived = protocol.dataReceived  # type: ignore[method-assign]
        self.connectionLost = lost  # type: ignore[method-assign, assignment]
        ended = getattr(protocol, "readConnectionLost", self._lose)
        self.readConnectionLost = ended  # type: ignore[method-assign]
        self._resume(STREAM | PENDING | HANDSHAKE)
        if rest:
            protocol.dataReceived(rest)

    def _lose(self) -> None:
        """The other end has sent FIN, and the protocol that has the socket knows no half-close."""
        self.transport.connectionLost(Failure(CONNECTION_DONE))

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
        return self._exchange is not None or bool(self._kept) or unsent(self.transport) > 0

    # --- deadlines -----------------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """Once a second."""
        exchange = self._exchange
        if not (self._paused or self._ended):
            self._still = 0
        elif self._is_gone():
            self.transport.abortConnection()
            return
        if exchange is not None:
            if exchange.overdue(now):
                exchange.timed_out(RESPONSE_TIMEOUT)
            elif not self._watch_unread(now) and not exchange.request_complete:
                self._pace(exchange)
        elif self._parting is not None:
            self._parting.check(now)
        elif self._kept:
            self._watch_unread(now)
        elif self._deadline <= now:
            reader = self._reader
            if reader is not None and reader.in_head:
                self.ingress.guard.refused("header_time", self.peer, 408)
                self._refuse(Refusal(REQUEST_TIMEOUT))
            else:
                if self._shaking:
                    self.ingress.guard.refused("tls_handshake", self.peer, "closed")
                else:
                    self.ingress.guard.count("idle")
                self._close()

    def _is_gone(self) -> bool:
        """Ask the kernel whether the visitor is there, as nothing else tells while nothing is read."""
        events = hangup(self.transport)
        self._still += 1
        if events & ENDED and not self._known_ended:
            self._known_ended = True
            self._probe(len(_BEGINNING))
        elif self._paused and self._still >= _STILL and self._still & (self._still - 1) == 0:
            self._probe(1)
        return bool(events & GONE)

    def _probe(self, count: int) -> None:
        """Write something that changes nothing: the kernel of a visitor that is gone answers it with a reset."""
        exchange = self._exchange
        if exchange is None:
            return
        if exchange.head_sent:
            zeros = self._zeros if self._zeroed is exchange else 0
            if exchange.may_write_zero and zeros < _ZEROS:
                self._zeroed, self._zeros = exchange, zeros + 1
                self.write(b"0")
            return
        begun, self._begun = self._begun, min(self._begun + count, len(_BEGINNING))
        self.__dict__.pop("write", None)
        self.write(_BEGINNING[begun : self._begun])
        self.write = self._write_rest  # type: ignore[method-assign]

    def _write_rest(self, data: bytes) -> None:
        """Write an answer but for what `_probe` has written of its beginning."""
        assert data.startswith(_BEGINNING)
        begun, self._begun = self._begun, 0
        del self.write
        self.write(data[begun:])

    def _close_if_ended(self) -> None:
        """Close the connection of a visitor that sends nothing more once all of its requests have been answered."""
        if self._ended and self._exchange is None and not self._kept:
            self._close()

    def _watch_unread(self, now: float) -> bool:
        """End the connection if its visitor has taken nothing for too long of what waits for it."""
        late = self.unread(now) >= self.ingress.settings.unread_timeout
        if late:
            self.ingress.guard.refused("unread", self.peer, "closed")
            self.transport.abortConnection()
        return late

    # --- inside --------------------------------------------------------------------------------------------

    def _close(self) -> None:
        """Close behind what has been written.  A visitor that still sends is read for a while, lest it gets a reset."""
        if self._parting is not None:
            return
        reader = self._reader
        more = self._last or bool(self._kept) or self._rest is not None or reader is None or not reader.at_start
        parting = self._part()
        self._outlet.flush()
        self._resume(STREAM | PENDING | HANDSHAKE)
        parting.close(more=more)

    def _part(self) -> LingeringClose:
        self._stop()
        self.ingress.guard.places.busy(self)
        ingress = self.ingress
        parting = self._parting = LingeringClose(self.transport, ingress.clock.seconds(), ingress.settings.keep_alive)
        return parting
