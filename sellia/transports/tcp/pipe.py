"""A TCP connection as a leg of a stream: the same for the visitor's side and the service's.

Need
    Visitor and service should find what they would find if directly connected: every byte, in order and without delay;
    the end of each direction by itself (a half-close); and a reset where the other side's connection was reset.

Invariants
    * A direction ends in order only when its socket has ended in order.  Whatever else ends a socket resets the stream,
      and a stream that is reset resets the socket: one that is cut short never looks complete.
    * `PipeOwner.pipe_over` is called once.

Bounds
    What the other side sends and this socket does not take is bounded by the stream's credit; what this socket brings
    and the link does not take, by the stream's outbox.  There is no limit of time: a connection may be silent for as
    long as both sides like.  The kernel's probes find a peer that has left without a word, and `TcpPipe.gone` one that
    has left while its socket is not read.
"""

from typing import Any, Final, Protocol

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.errors import ProtocolError
from sellia.problems import (
    SERVICE_DIED,
    SERVICE_REFUSED,
    SERVICE_TLS_FAILED,
    SERVICE_UNREACHABLE,
    VISITOR_GONE,
    Problem,
)
from sellia.protocol.messages import Headers
from sellia.relay.mux.causes import why_of
from sellia.relay.mux.leg import StrictLeg
from sellia.relay.mux.observer import EndedBy, StreamObserver
from sellia.relay.mux.stream import Stream
from sellia.transports.reactor.batching import BufferedWriter, FlushBatch
from sellia.transports.reactor.sockets import GONE, half_close, hangup, is_tls
from sellia.why.cause import Cause

_OF_SERVICES: Final = frozenset((SERVICE_DIED, SERVICE_REFUSED, SERVICE_TLS_FAILED, SERVICE_UNREACHABLE))


def ended_by(problem: Problem) -> EndedBy:
    """Return whose a problem is that has reset a connection."""
    if problem is VISITOR_GONE:
        return "visitor"
    return "service" if problem in _OF_SERVICES else "sellia"


class PipeOwner(Protocol):
    """Owner of a pipe, which is told its end."""

    def why(self, problem: Problem, message: str) -> Cause | None:
        """Return why it ends by a problem, and tell that to the log; `Session.told` is what the peer says."""

    def pipe_over(self, by: EndedBy, problem: Problem | None, message: str, cause: Cause | None) -> None:
        """The connection is over: in order, first ended ``by`` one side, or by a problem."""


@implementer(IHalfCloseableProtocol, IPushProducer)
class TcpPipe(StrictLeg):
    """The leg of ``stream`` on ``transport``; the caller forwards the transport's calls, or makes it its protocol.

    ``lost`` is the problem that the other side is told when the connection breaks, with a sentence; ``side`` is whose
    connection it is.  ``observer`` is told what passes.
    """

    #: For streams that are watched as WebSockets are: a connection has no pings of its own.
    pings_answered = 0

    def __init__(
        self,
        transport: Any,
        stream: Stream,
        turn: FlushBatch,
        owner: PipeOwner,
        *,
        side: EndedBy,
        lost: tuple[Problem, str],
        visitor: str = "",
        observer: StreamObserver | None = None,
    ) -> None:
        self.transport = transport
        self.stream = stream
        #: Address of the visitor, for people.
        self.visitor = visitor
        #: Whether the socket takes no more for now.
        self.full = False
        #: Bytes that the socket has brought, and that it was given.
        self.received = self.sent = 0
        self._turn = turn
        self._outlet = BufferedWriter(transport, turn)
        self._owner = owner
        self._side: EndedBy = side
        self._other: EndedBy = "service" if side == "visitor" else "visitor"
        self._lost = lost
        self._observer = observer
        #: Whether the socket has ended its direction, and the other side its own.
        self._ended = self._other_ended = False
        #: Which of the two was first.
        self._first: EndedBy = side
        self._held = False
        #: Whether the socket is closed, and the other side has not ended its direction.
        self._closed = False
        self._over = False
        stream.leg = self
        transport.registerProducer(self, True)

    # --- from the socket -------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Pass on bytes of the socket."""
        if self._over:
            return
        self.received += len(data)
        if self._observer is not None:
            self._observer.body(self.stream.id, self._side == "visitor", data)
        self.stream.send_data(data)
        self._turn.input_done()

    def readConnectionLost(self) -> None:
        """End this direction: the socket's peer sends nothing more."""
        if self._ended or self._over:
            return
        self._ended = True
        if not self._other_ended:
            self._first = self._side
        self.stream.end()
        if self._other_ended and not self._closed:
            self.transport.loseConnection()
        self._turn.input_done()

    def writeConnectionLost(self) -> None:
        """Nothing: connectionLost follows when nothing more comes either."""

    def connectionLost(self, reason: Failure) -> None:
        """End the stream, in order if both directions have ended in order."""
        if self._over:
            return
        if reason.check(ConnectionDone) is not None and (self._other_ended or is_tls(self.transport)):
            self.readConnectionLost()  # over TLS there is no end of one direction
            self.stream.flow()
            if self._other_ended:
                self._end(self._first, None, "")
            else:
                self._closed = True
            return
        self._broken()

    # --- from the stream -------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._closed:
            self._broken()
            return
        self.sent += len(data)
        if self._observer is not None:
            self._observer.body(self.stream.id, self._side != "visitor", data)
        self._outlet.write(data)

    def end_received(self, trailers: Headers) -> None:
        if trailers:
            raise ProtocolError("a TCP connection has no trailers")
        self._other_ended = True
        if not self._ended:
            self._first = self._other
        if self._closed:
            self._end(self._first, None, "")
            return
        self._outlet.flush()
        # nothing more is written, and a transport whose producer is paused would never close
        self.transport.unregisterProducer()
        if self._ended or not half_close(self.transport):
            self.transport.loseConnection()

    def reset_received(self, problem: Problem, message: str) -> None:
        self._outlet.flush()
        self._end(ended_by(problem), problem, message, self._owner.why(problem, message))
        if not self._closed:
            self.transport.abortConnection()

    def pause_sending(self) -> None:
        self._held = True
        if not self._ended:  # what is read after an end is the end again
            self.transport.pauseProducing()

    def resume_sending(self) -> None:
        self._held = False
        if not self._ended:
            self.transport.resumeProducing()

    # --- from the transport: a producer ------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """Stall the stream: the socket takes no more for now."""
        self.full = True
        self.stream.stall()

    def resumeProducing(self) -> None:
        """Let the stream flow: the socket has taken all that was written."""
        self.full = False
        self.stream.flow()

    def stopProducing(self) -> None:
        """Nothing: connectionLost follows."""

    # --- for the owner -----------------------------------------------------------------------------------------

    @property
    def gone(self) -> bool:
        """Whether the peer is gone while its socket is not read."""
        return (self._held or self._ended) and bool(hangup(self.transport) & GONE)

    def end_if_gone(self) -> bool:
        """End the connection as broken if its peer is ``gone``; return whether it was."""
        if not self.gone:
            return False
        self.connectionLost(Failure(ConnectionLost()))
        self.transport.abortConnection()
        return True

    def drop(self, problem: Problem, message: str = "") -> None:
        """Reset both sides, for a reason of Sellia's own."""
        if self._over:
            return
        cause = self._owner.why(problem, message)
        self.stream.reset(problem, message, why=why_of(cause))
        self._end("sellia", problem, message, cause)
        self.transport.abortConnection()

    def link_away(self) -> None:
        """Nothing: what is under way waits in the stream."""

    def link_back(self, seconds: float) -> None:
        """Nothing: a connection waits for nothing that has a deadline."""

    # --- inside ------------------------------------------------------------------------------------------------

    def _broken(self) -> None:
        """Reset the stream: the socket is gone before its time."""
        problem, message = self._lost
        cause = self._owner.why(problem, message)
        self.stream.reset(problem, message, why=why_of(cause))
        self._end(self._side, problem, message, cause)

    def _end(self, by: EndedBy, problem: Problem | None, message: str, cause: Cause | None = None) -> None:
        self._over = True
        observer, self._observer = self._observer, None
        if observer is not None:
            if cause is not None:
                observer.explained(self.stream.id, cause)
            observer.ended(self.stream.id, by, problem.code if problem is not None else None, message)
        self._owner.pipe_over(by, problem, message, cause)
