"""Connections of visitors to the port of a tunnel, and what lets one in.

Need
    Nothing may reach a client before the server has decided that the visitor may come: by address, by rate, and by the
    room there is.  A visitor who is not let in sees a reset, because a port has no words of its own.

Bounds
    Connections have places as visitors' requests do (`sellia.server.places`), and at most ``limits.tcp_connections`` of
    these.  One on which no byte has passed counts as idle: when all places are taken, the longest silent is closed for
    a newcomer.  ``rates.requests`` bounds how often somebody connects to one tunnel.  A connection may be silent for
    ever unless the server's ``timeouts.tcp_idle`` or its tunnel's ``idle_timeout`` says otherwise.
"""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.errors import ProblemError
from sellia.problems import CLIENT_AWAY, FORBIDDEN, IDLE_TOO_LONG, OVERLOADED, RATE_LIMITED, VISITOR_GONE, Problem
from sellia.protocol.messages import Notice, TcpConnection
from sellia.relay.http.forwarded import UNIX, plain_address
from sellia.relay.mux.leg import NullLeg
from sellia.relay.mux.observer import EndedBy
from sellia.relay.mux.upstream import Upstream
from sellia.relay.registry import Tunnel
from sellia.server.ingress.ends import cause_of
from sellia.server.ingress.ingress import Ingress
from sellia.server.notices import tell_owner
from sellia.server.places import Place
from sellia.text import field
from sellia.transports.reactor.lines import line
from sellia.transports.reactor.sockets import quicken
from sellia.transports.reactor.verbosity import verbosity
from sellia.transports.tcp.pipe import TcpPipe
from sellia.why.cause import Cause, Fact

_LOST: Final = VISITOR_GONE, "the visitor's connection was lost"

_log = Logger()


class TcpIngress:
    """The connections of visitors to all ports of one server."""

    def __init__(self, ingress: Ingress) -> None:
        self.ingress = ingress
        #: The number of connections that are open.
        self.count = 0
        self._silent: dict[TcpVisitor, None] = {}  # the longest silent first

    def factory(self, label: str) -> "TcpVisitorFactory":
        """Return the factory of a port's connections."""
        return TcpVisitorFactory(self, label)

    def full(self) -> bool:
        """Return whether there is no room for another connection; a silent one may have been closed to make some."""
        limit = self.ingress.settings.tcp_connections
        while self.count >= limit and self._silent:
            next(iter(self._silent)).give_way()
        return self.count >= limit

    def entered(self, visitor: "TcpVisitor") -> None:
        """Count a connection on which nothing has passed."""
        self.count += 1
        self._silent[visitor] = None

    def heard(self, visitor: "TcpVisitor") -> None:
        """Note that something has passed on a connection."""
        self._silent.pop(visitor, None)

    def left(self, visitor: "TcpVisitor") -> None:
        """Count a connection no more."""
        self.count -= 1
        self._silent.pop(visitor, None)


class TcpVisitorFactory(Factory):
    """Builds the connections of visitors to the tunnel ``label``."""

    noisy = False

    def __init__(self, ports: TcpIngress, label: str) -> None:
        self._ports = ports
        self._label = label

    def buildProtocol(self, addr: IAddress | None) -> "TcpVisitor":
        return TcpVisitor(self._ports, self._label, plain_address(getattr(addr, "host", UNIX)))


def admit_visitor(ingress: Ingress, label: str, peer: str) -> Tunnel[Upstream]:
    """Return the tunnel that a visitor who asks for no more than a connection may use.  Raises ProblemError."""
    refusing = ingress.rooms.refusing()
    if refusing is not None:
        raise ProblemError(refusing)
    tunnel = ingress.tunnels.find(label)
    if tunnel is None:
        raise ProblemError(ingress.rooms.why_absent(label))
    guard, now = ingress.guard, ingress.clock.seconds()
    if tunnel.access is not None and not tunnel.access.admits(peer):
        raise ProblemError(FORBIDDEN, "The lists of this tunnel keep this address out.")
    if guard.requests is not None and guard.requests.take(label, now):
        guard.refused("request_rate", peer, "reset")
        raise ProblemError(RATE_LIMITED, "Too many connections came in too short a time.")
    if tunnel.options.while_away == "refuse" and not tunnel.upstream.attached:
        raise ProblemError(CLIENT_AWAY)
    over = ingress.allowance(tunnel, peer) if ingress.allowance is not None else None
    if over is not None:
        raise over
    limit = tunnel.upstream.refusal(tunnel.tunnel_id)
    if limit is not None:
        guard.refused(limit, peer, "reset")
        raise ProblemError(CLIENT_AWAY if limit == "away_requests" else OVERLOADED)
    return tunnel


def tell_refusal(ingress: Ingress, label: str, peer: str, error: ProblemError) -> None:
    """Log that a visitor of a port is not let in, and tell the owner of the tunnel."""
    problem = error.problem
    suppressed = ingress.guard.rate_limited_log(f"connection {problem.code}")
    if suppressed is not None:
        _log.info(
            "connection refused: tunnel={tunnel} visitor={visitor} word={word} suppressed={suppressed}",
            tunnel=field(label),
            visitor=field(peer),
            word=field(problem.code),
            suppressed=suppressed,
        )
    tunnel = ingress.tunnels.find(label)
    if tunnel is not None:
        notice = Notice(0, 0, problem.code, error.detail or problem.sentence, visitor=peer)
        tell_owner(tunnel, notice, ingress.clock.seconds())


class TcpVisitor(Protocol):
    """One connection of a visitor: it opens a stream, and gives its socket to the pipe that is the stream's leg."""

    transport: Any

    busy = False  #: a drain waits for its stream

    def __init__(
        self, ports: TcpIngress, label: str, peer: str, farewell: Callable[[Problem], bytes] | None = None
    ) -> None:
        self._ports = ports
        #: Returns what a visitor is told who is not let in; None where nothing can be said.
        self._farewell = farewell
        self._ingress = ports.ingress
        self._label = label
        self.peer = peer
        self._pipe: TcpPipe | None = None
        self._place: Place
        self._silent = True
        self._began = self._last = self._ingress.clock.seconds()
        #: Bytes that had passed by ``_last``, and seconds without any after which it is ended.
        self._passed = 0
        self._idle_limit = 0.0

    # --- Twisted ---------------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Open a stream for the visitor, if it is let in."""
        ingress = self._ingress
        guard = ingress.guard
        quicken(self.transport)
        limit = guard.full(self.peer, trusted=False) or ("tcp_connections" if self._ports.full() else None)
        try:
            if limit is not None:
                guard.refused(limit, self.peer, "reset")
                raise ProblemError(OVERLOADED)
            self._open(admit_visitor(ingress, self._label, self.peer))
        except ProblemError as error:
            self._refuse(error)
        ingress.turn.input_done()

    def dataReceived(self, data: bytes) -> None:
        if self._pipe is not None:
            self._pipe.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._pipe is not None:
            self._pipe.connectionLost(reason)

    # --- once a second: a Watched ------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """End a connection whose visitor is gone, or that has been idle for as long as it may."""
        pipe = self._pipe
        assert pipe is not None
        passed = pipe.received + pipe.sent
        if passed != self._passed:
            self._passed, self._last = passed, now
            if self._silent:
                self._silent = False
                self._ingress.guard.places.busy(self)
                self._ports.heard(self)
        if pipe.end_if_gone():
            return
        if not pipe.stream.attached:
            self._last = now
        elif self._idle_limit and now - self._last >= self._idle_limit:
            pipe.drop(IDLE_TOO_LONG, f"Nothing has passed for {self._idle_limit:g} s.")

    def drop(self) -> None:
        """Cut the connection: the server stops."""
        self.transport.abortConnection()

    def drain(self) -> None:
        """Do nothing: it ends when visitor and service end it, or with the server."""

    def give_way(self) -> None:
        """End the connection, on which nothing has passed, because somebody else needs its place."""
        if self._pipe is not None:
            self._pipe.drop(OVERLOADED, "The server needed the place of a connection on which nothing had passed.")

    # --- beginning and end -------------------------------------------------------------------------------------

    def _open(self, tunnel: Tunnel[Upstream]) -> None:
        ingress, transport = self._ingress, self.transport
        peer, host = transport.getPeer(), transport.getHost()
        opening = TcpConnection(
            tunnel.tunnel_id,
            self.peer,
            getattr(peer, "port", 0),
            plain_address(getattr(host, "host", UNIX)),
            getattr(host, "port", 0),
        )
        stream = tunnel.upstream.open(opening, OpeningLeg(self.peer))
        observer = ingress.observe(tunnel) if ingress.observe is not None else None
        if observer is not None:
            observer.request(stream.id, opening)
        self._pipe = pipe = TcpPipe(
            transport, stream, ingress.turn, self, side="visitor", lost=_LOST, visitor=self.peer, observer=observer
        )
        if getattr(transport, "protocol", None) is self:
            transport.protocol = pipe  # what comes need not pass by here
        self._idle_limit = shortest(tunnel.options.idle_timeout, ingress.settings.tcp_idle or 0.0)
        self._place = ingress.guard.acquire(self.peer, trusted=False)
        ingress.guard.places.idle(self, self.give_way)
        ingress.connections.add(self)
        self._ports.entered(self)
        if verbosity.debug:
            _log.debug(
                "connection: id={id} tunnel={tunnel} visitor={visitor}",
                id=stream.id,
                tunnel=field(self._label),
                visitor=field(self.peer),
            )

    def _refuse(self, error: ProblemError) -> None:
        """Reset a connection that is not let in, and tell the owner of the tunnel."""
        tell_refusal(self._ingress, self._label, self.peer, error)
        if self._farewell is None:
            self.transport.abortConnection()
        else:
            self.transport.write(self._farewell(error.problem))
            self.transport.loseConnection()

    def why(self, problem: Problem, message: str) -> Cause | None:
        """Return why it ends by a problem, and tell that."""
        pipe, clock = self._pipe, self._ingress.clock
        assert pipe is not None
        seconds = round(clock.seconds() - self._began, 3)
        counts: dict[str, Fact | None] = {"bytes_in": pipe.received, "bytes_out": pipe.sent, "seconds": seconds}
        return cause_of(clock, pipe.stream, self._label, problem, message, counts)

    def pipe_over(self, by: EndedBy, problem: Problem | None, message: str, cause: Cause | None) -> None:
        """Give the place back, and log."""
        ingress, pipe = self._ingress, self._pipe
        assert pipe is not None
        ingress.connections.discard(self)
        ingress.guard.places.busy(self)
        self._place.release()
        self._ports.left(self)
        end = line(ingress.clock, "connection closed")
        if end is not None:
            _log.info(
                "connection closed: id={id} tunnel={tunnel} visitor={visitor} by={by} word={word} bytes_in={came} "
                "bytes_out={went} seconds={seconds:.3f}{end}",
                id=pipe.stream.id,
                tunnel=field(self._label),
                visitor=field(self.peer),
                by=by,
                word=field(problem.code if problem is not None else "-"),
                came=pipe.received,
                went=pipe.sent,
                seconds=ingress.clock.seconds() - self._began,
                end=end,
            )


class OpeningLeg(NullLeg):
    """Leg of a stream for as long as it is opened: nothing can come yet."""

    pings_answered = 0

    def __init__(self, visitor: str) -> None:
        self.visitor = visitor

    def link_away(self) -> None:
        """Nothing is under way."""

    def link_back(self, seconds: float) -> None:
        """Nothing is under way."""


def shortest(*times: float) -> float:
    """Return the shortest of some times, of which 0 says that there is none."""
    return min((each for each in times if each), default=0.0)
