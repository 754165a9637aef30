"""Connection of a visitor: HTTP/1.1 requests in, responses out in their order.

Need
    A connection carries requests for different hosts one after the other, because a reverse proxy in front pools its
    connections.  Each request, as it has been received (`sellia.server.ingress.request_queue`), finds its way
    (`sellia.server.ingress.routing`), gets an exchange, and its response is written back in order.

Invariant
    After a refused upgrade, or a response without keep-alive, nothing of the connection's input is taken for a request
    any more.

Half-close
    A visitor that has sent FIN behind its request is answered; `sellia.server.ingress.probe` finds out whether it is
    there.

States (`Phase`)
    A TLS handshake is under way; requests are read and answered; the connection is closing.  A protocol that takes the
    socket over ends all of them.

Bounds
    What is received has bounds of its own.  Heads have limits of size, count and time; idle connections have one of
    time.  Somebody for whom something waits must take some of it now and then (`sellia.transports.reactor.unread`), and
    the end of a connection has a time, too (`sellia.server.ingress.closing`).

Designs not chosen
    *twisted.web*: runs a request once its body is whole.
"""

from enum import Enum
from functools import partial
from typing import Any, Final

from twisted.internet.interfaces import IHalfCloseableProtocol, IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.errors import ProblemError
from sellia.problems import REQUEST_TIMEOUT, RESPONSE_TIMEOUT, VISITOR_GONE
from sellia.relay.http.error_responses import to_bytes
from sellia.relay.http.forwarded import UNIX
from sellia.relay.mux.stream import Stream
from sellia.server.ingress.affinity import Affinity
from sellia.server.ingress.channel import VisitorChannel, error_response
from sellia.server.ingress.closing import LingeringClose
from sellia.server.ingress.exchange import VisitorHttpLeg
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.ingress import Ingress
from sellia.server.ingress.patience import NEVER
from sellia.server.ingress.probe import BEGINNING, VisitorProbe
from sellia.server.ingress.request_queue import ANY, STREAM, Asked, PipelinedRequests
from sellia.server.ingress.routing import malformed, route
from sellia.server.ingress.states import RequestBody
from sellia.server.ingress.upgrade import VisitorUpgradeLeg
from sellia.server.limiter import HEAD_LIMITS
from sellia.text import field, shown_host, shown_target
from sellia.transports.reactor.batching import BufferedWriter
from sellia.transports.reactor.sockets import is_tls, lose, quicken, unsent
from sellia.transports.reactor.unread import Unread
from sellia.transports.reactor.verbosity import verbosity

_log = Logger()
_COMPLETE: Final = RequestBody.COMPLETE


class Phase(Enum):
    """State of a connection that no other protocol has taken over."""

    TLS_HANDSHAKE = "TLS is not established"
    OPEN = "requests are read and answered"
    CLOSING = "nothing is read as a request, and nothing but what was written is sent"


@implementer(IPushProducer, IHandshakeListener, IHalfCloseableProtocol)
class VisitorConnection(VisitorChannel, Unread, TwistedProtocol):
    """Connection of a visitor, or of a reverse proxy on behalf of many."""

    exchanges = VisitorHttpLeg
    upgrades = VisitorUpgradeLeg
    switches = True

    _closing: LingeringClose

    def __init__(self, ingress: Ingress, peer: str) -> None:
        self.ingress = ingress
        self.peer = peer  # on a listener that asks for that: what a proxy said of it
        self.exchange: VisitorHttpLeg | None = None
        self.full = False
        self._requests = PipelinedRequests(self)
        self._phase = Phase.OPEN
        #: Whether the visitor has sent FIN.
        self._ended = False
        self._probe: VisitorProbe | None = None
        #: Streams whose responses are complete, and still wait in the transport.
        self._lagging: list[Stream] = []

    # --- Twisted -------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        transport = self.transport
        quicken(transport)
        self._outlet = BufferedWriter(transport, self.ingress.turn)
        transport.registerProducer(self, True)
        self.peer_bytes = b"" if self.peer == UNIX else self.peer.encode("ascii", "replace")
        self.trusted = self.ingress.trusted.is_trusted(self.peer)
        if not self.trusted:
            self.affinity = Affinity(next(self.ingress.numbers))
        settings = self.ingress.settings
        tls = is_tls(transport)
        self.scheme = b"https" if settings.https or tls else b"http"
        if tls:
            self._phase = Phase.TLS_HANDSHAKE
        patience = settings.handshake_timeout if tls else settings.keep_alive
        self._requests.deadline = self.ingress.clock.seconds() + patience
        guard = self.ingress.guard
        self._place = guard.acquire(self.peer, trusted=self.trusted)
        self.lent = guard.places.exceeded
        guard.places.idle(self, self._evict)
        self.ingress.connections.add(self)

    def handshakeCompleted(self) -> None:
        """Begin the time of the first request: TLS is established."""
        if self._phase is Phase.TLS_HANDSHAKE:
            self._phase = Phase.OPEN
            self._requests.deadline = self.ingress.clock.seconds() + self.ingress.settings.keep_alive

    def dataReceived(self, data: bytes) -> None:
        self._requests.data_received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._phase is Phase.TLS_HANDSHAKE:
            self.ingress.guard.handshake_failed(self.peer, reason)
        self.ingress.connections.discard(self)
        self._place.release()
        self._begin_closing()
        self._requests.let_go()
        self._probe = None
        for stream in self._lagging:
            stream.reset(VISITOR_GONE)
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.visitor_gone()
        self.affinity.end()

    def readConnectionLost(self) -> None:
        """Note FIN: a visitor that has asked for something is answered."""
        if self._ended:
            return
        self._ended = True
        exchange = self.exchange
        if self._phase is Phase.CLOSING:
            self.transport.loseConnection()
        elif exchange is None:
            self.close_if_ended()
        elif exchange.request_complete and not (exchange.request.upgrade or exchange.request.switch):
            self._write_probe(len(BEGINNING))
        else:
            self.transport.abortConnection()

    def writeConnectionLost(self) -> None:
        """Do nothing: all that was written has left."""

    # --- the transport: a producer -------------------------------------------------------------------------

    def resumeProducing(self) -> None:
        self.full = False
        for stream in self._lagging:
            stream.flow()
        self._lagging.clear()
        if self.exchange is not None and self.exchange.stream is None:
            self.exchange.takes_more()
        if self.exchange is not None and self.exchange.stream is not None:
            self.exchange.stream.flow()
        elif self._requests.waiting and not self._requests.going_on:
            self._requests.advance()

    # --- for the queue of requests -------------------------------------------------------------------------

    def request_begun(self, request: Request) -> None:
        self.ingress.guard.places.busy(self)
        route(self, request)

    def request_refused(self, refusal: ProblemError, asked: Asked | None) -> None:
        if asked is not None:
            malformed(self, refusal, asked)
        self.answer_error(refusal, None)

    def idle(self) -> None:
        if self._requests.await_next() and self._phase is not Phase.CLOSING:
            self.ingress.guard.places.idle(self, self._evict)

    def close_if_ended(self) -> None:
        if self._ended and self.exchange is None and not self._requests.waiting:
            self._close()

    def _evict(self) -> None:
        """Give the place to somebody else."""
        self._phase = Phase.OPEN  # it is no handshake that failed
        self._place.release()
        self._requests.stop()  # what has arrived already may still be read in this turn
        self.drop()

    # --- for exchanges -------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self._outlet.write(data)

    def pause_reading(self) -> None:
        self._requests.pause(STREAM)
        exchange = self.exchange
        if exchange is not None and not exchange.head_sent and exchange.deadline == NEVER:
            exchange.await_service()

    def resume_reading(self) -> None:
        self._requests.resume(STREAM)
        exchange = self.exchange
        if exchange is not None and not exchange.request_complete:
            exchange.deadline = NEVER

    def answer_error(
        self, error: ProblemError, request: Request | None, exchange: VisitorHttpLeg | None = None, realm: str = ""
    ) -> None:
        """Answer a request; if it was read to its end, it is not the connection's last for that."""
        accept, target, keep, head = b"", b"", False, False
        if request is not None:
            accept, target, head = b",".join(request.values(b"accept")), request.target, request.method == b"HEAD"
            complete = not request.has_body if exchange is None else exchange.request_complete
            keep = complete and request.keep_alive and not (request.upgrade or request.switch)
            keep = keep and not self.ingress.draining and not self._requests.over
        response = error_response(error, request, accept=accept, target=target, realm=realm)
        if request is None and error.problem in HEAD_LIMITS:
            self.ingress.guard.refused(HEAD_LIMITS[error.problem], self.peer, response.status)
        if request is not None and request.minor == 0 and keep:
            response.headers.append((b"Connection", b"keep-alive"))
        self.write(to_bytes(response, head=head, close=not keep))
        if verbosity.debug:
            _log.debug(
                "answered {status} {word}: peer={peer} host={host} target={target}",
                status=response.status,
                word=error.problem.code,
                peer=field(self.peer),
                host=field(shown_host(request.hosts[0] if request is not None and request.hosts else b"")),
                target=field(shown_target(target)),
            )
        if exchange is not None and exchange is self.exchange:
            exchange.keep_alive = keep
            self.exchange_over(exchange)
        elif not keep:
            self._close()
        else:
            self.idle()

    def exchange_over(self, exchange: VisitorHttpLeg) -> None:
        if exchange is not self.exchange:
            return
        self.exchange = None
        if exchange.stream is not None and self.full and exchange.stream.untaken:
            self._lagging.append(exchange.stream)
        if not exchange.keep_alive or exchange.incoming is not _COMPLETE or self._phase is Phase.CLOSING:
            self._close()
            return
        requests = self._requests
        if requests.paused:
            requests.resume(STREAM)
        self.idle()
        requests.advance()
        self.close_if_ended()

    def let_go(self) -> Any:
        self._outlet.flush()
        for stream in self._lagging:
            stream.flow()  # who is told when the transport is empty will not be us
        self._lagging.clear()
        self.transport.unregisterProducer()
        return self.transport

    def become(self, protocol: Any) -> None:
        self.ingress.connections.discard(self)
        self.affinity.end()
        self.exchange = None
        self.ingress.guard.places.busy(self)
        lost = self.ingress.guard.until_lost(protocol, self._place, self.counted)
        self.dataReceived = protocol.dataReceived  # type: ignore[method-assign]
        self.connectionLost = lost  # type: ignore[method-assign, assignment]
        # over TLS the transport closes the connection of a protocol that knows no half-close
        end = None if is_tls(self.transport) else partial(lose, self.transport)
        ended: Any = getattr(protocol, "readConnectionLost", end)
        self.readConnectionLost = ended  # type: ignore[method-assign]
        behind = self._requests.hand_over()
        if behind:
            protocol.dataReceived(behind)

    def break_off(self) -> None:
        if self._phase is Phase.CLOSING:
            return
        exchange, self.exchange = self.exchange, None
        self._outlet.flush()
        self._begin_closing().break_off(delimited=exchange is not None and exchange.delimited)

    def drop(self) -> None:
        """Cut the connection, behind what it takes at once of an answer that is complete."""
        self._outlet.flush()
        if self.exchange is None and not unsent(self.transport):
            self.transport.loseConnection()
        else:
            self.transport.abortConnection()

    @property
    def busy(self) -> bool:
        """Whether the visitor waits for a response, or for the rest of one."""
        return self.exchange is not None or self._requests.waiting or unsent(self.transport) > 0

    # --- deadlines -----------------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """End what is over its time, once a second."""
        exchange, requests = self.exchange, self._requests
        if not (requests.paused or self._ended):
            if self._probe is not None:
                self._probe.clear()
        elif self._is_gone():
            self.transport.abortConnection()
            return
        if exchange is not None:
            if exchange.overdue(now):
                exchange.timed_out(RESPONSE_TIMEOUT)
            elif not self._watch_unread(now) and not exchange.request_complete:
                requests.check_rate(exchange)
        elif self._phase is Phase.CLOSING:
            self._closing.check(now)
        elif requests.waiting:
            self._watch_unread(now)
        elif requests.deadline <= now:
            self._time_out()

    def _time_out(self) -> None:
        """Close, or refuse the head that has begun to come: it took too long."""
        guard = self.ingress.guard
        if self._requests.in_head:
            guard.refused("header_time", self.peer, 408)
            self._requests.refuse(ProblemError(REQUEST_TIMEOUT))
            return
        if self._phase is Phase.TLS_HANDSHAKE:
            guard.refused("tls_handshake", self.peer, "closed")
        else:
            guard.count("idle")
        self._close()

    def _is_gone(self) -> bool:
        """Ask the kernel whether the visitor is there, as nothing else tells while nothing is read."""
        if self._probe is None:
            self._probe = VisitorProbe()
        due = self._probe.look(self.transport, paused=bool(self._requests.paused))
        if due:
            self._write_probe(due)
        return due is None

    def _write_probe(self, count: int) -> None:
        """Write what changes nothing: the kernel of a visitor that is gone answers it with a reset."""
        if self._probe is None:
            self._probe = VisitorProbe()
        data = self._probe.bytes_for(self.exchange, count) if self.exchange is not None else b""
        if data:
            self._outlet.write(data)
            if self._probe.begun:
                self.write = self._write_rest  # type: ignore[method-assign]

    def _write_rest(self, data: bytes) -> None:
        """Write an answer whose beginning has been written as a probe."""
        assert self._probe is not None
        del self.write
        self.write(self._probe.rest(data))

    def _watch_unread(self, now: float) -> bool:
        """End the connection if its visitor has taken nothing for too long of what waits for it."""
        late = self.unread(now) >= self.ingress.settings.unread_timeout
        if late:
            self.ingress.guard.refused("unread", self.peer, "closed")
            self.transport.abortConnection()
        return late

    def _close(self) -> None:
        """Close behind what has been written; a visitor that still sends is read for a while, or it gets a reset."""
        if self._phase is Phase.CLOSING:
            return
        more = not self._requests.at_start
        closing = self._begin_closing()
        self._outlet.flush()
        self._requests.resume(ANY)
        closing.close(more=more)

    def _begin_closing(self) -> LingeringClose:
        self._phase = Phase.CLOSING
        self._requests.stop()
        self.ingress.guard.places.busy(self)
        ingress = self.ingress
        self._closing = LingeringClose(self.transport, ingress.clock.seconds(), ingress.settings.keep_alive)
        return self._closing
