"""Ingress: the state that visitors' connections share, and the admission of requests to tunnels.

A connection is a :class:`~sellia.server.ingress.connection.VisitorConnection`; connections are counted, in all and by
address (`sellia.server.limiter`).

Designs not chosen
    *A timer for each connection*: one sweep a second over all of them costs less than moving timers with every request.
"""

from collections.abc import Callable
from itertools import count
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from sellia.errors import ProblemError
from sellia.problems import NO_SUCH_TUNNEL, Problem
from sellia.protocol.messages import TunnelKind
from sellia.relay.http.forwarded import TrustedPeers
from sellia.relay.mux.observer import StreamObserver
from sellia.relay.mux.upstream import Upstream
from sellia.relay.registry import Tunnel
from sellia.server.ingress.checks import CHECKS, Check, Verdict
from sellia.server.ingress.exchange import Channel
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.waiting import Admission
from sellia.server.limiter import Limiter
from sellia.server.settings import ServerSettings
from sellia.transports.reactor.batching import batch_of
from sellia.transports.websocket.pipe import VisitorWebSocketFactory

_HTTP: Final = TunnelKind.HTTP

_log = Logger()


class Tunnels(Protocol):
    """Registry of tunnels by name, as :class:`~sellia.relay.registry.TunnelRegistry` is one."""

    def find(self, label: str) -> Tunnel[Upstream] | None:
        """Return the tunnel that a name is bound to, or None."""


class Watched(Protocol):
    """Connection whose deadlines the ingress checks."""

    def check(self, now: float) -> None:
        """End what is over its time, once a second."""

    def drop(self) -> None:
        """Cut the connection: the server stops."""

    def drain(self) -> None:
        """Make the current exchange the last: the server is about to stop."""

    @property
    def busy(self) -> bool:
        """Whether a visitor waits for something that is on its way."""


class Rooms(Protocol):
    """Base domain, as the ingress uses it: pages, and the gateway of clients."""

    def is_gateway(self, request: Request, path: bytes) -> bool:
        """Return whether a client asks for a link."""

    def take_link(self, connection: Channel, request: Request) -> None:
        """Turn the connection into a link."""

    def page(self, connection: Channel, request: Request, path: bytes) -> None:
        """Answer with one of the server's own pages."""

    def why_absent(self, label: str) -> Problem:
        """Return why a name has no tunnel."""

    def refusing(self) -> Problem | None:
        """Return why new visitors are refused, if they are."""


class Ingress:
    """State that all visitors' connections share.  Start and stop it with the service."""

    def __init__(
        self,
        settings: ServerSettings,
        tunnels: Tunnels,
        rooms: Rooms,
        clock: IReactorTime,
        guard: Limiter | None = None,
    ) -> None:
        self.set_settings(settings)
        self.guard = guard or Limiter(settings, clock)
        self.tunnels = tunnels
        self.rooms = rooms
        self.clock = clock
        self.turn = batch_of(clock)
        self.pipes = VisitorWebSocketFactory(clock)
        self.connections: set[Watched] = set()
        #: Numbers of visitors' connections for clients; each is given once.
        self.numbers = count(1)
        #: Checks that a request has to pass, in this order.
        self.checks: tuple[Check, ...] = CHECKS
        #: Returns the observer of a tunnel's streams, or None; None if nobody observes any.
        self.observe: Callable[[Tunnel[Upstream]], StreamObserver | None] | None = None
        #: Returns why a tunnel's account may not carry an exchange of a visitor, or None; None if nothing bounds any.
        self.allowance: Callable[[Tunnel[Upstream], str], ProblemError | None] | None = None
        self.draining = False
        #: Seconds between the last two looks at deadlines.
        self.step = 1.0
        self._swept = clock.seconds()
        self._sweep = LoopingCall(self.sweep)
        self._sweep.clock = clock

    def set_settings(self, settings: ServerSettings) -> None:
        """Apply settings to what comes from now on; a connection is trusted or not from its beginning to its end."""
        self.settings = settings
        self.trusted = TrustedPeers(settings.trust_proxy)
        #: Lower-case names of further fields that pass if a trusted proxy sends them.
        self.believed = frozenset(each.lower().encode("ascii") for each in settings.forwarded_fields)
        #: Proxies that do not take an interim response for the final one.
        self.knows_interim = TrustedPeers(settings.interim_responses, "interim_responses")

    def start(self) -> None:
        """Begin to check deadlines, once a second."""
        if not self._sweep.running:
            self._sweep.start(1.0, now=False)

    def stop(self) -> None:
        """Check no more, and drop the connections that are left."""
        if self._sweep.running:
            self._sweep.stop()
        for connection in list(self.connections):
            connection.drop()

    def drain(self) -> None:
        """Let connections end as their exchanges do: the server is about to stop."""
        self.draining = True
        for connection in list(self.connections):
            connection.drain()

    def hold_to(self, allowance: Callable[[Tunnel[Upstream], str], ProblemError | None]) -> None:
        """Ask before each exchange whether its tunnel's account may carry it."""

        def within_allowance(request: Request, tunnel: Tunnel[Upstream], connection: Channel) -> Verdict:
            return allowance(tunnel, connection.visitor_of(request))

        self.allowance = allowance
        self.checks = (*CHECKS[:-1], within_allowance, CHECKS[-1])

    @property
    def busy(self) -> bool:
        """Whether any visitor has something under way, or still to be sent."""
        return bool(self.pipes.open) or any(connection.busy for connection in self.connections)

    def admit(self, label: str, request: Request, connection: Channel) -> "Admission | Deferred[Admission]":
        """Return the tunnel of that name, if whoever sent ``request`` may use it now, else the error to answer with.

        A Deferred of either where a check answers later; it may be cancelled.
        """
        refusing = self.rooms.refusing()
        if refusing is not None:
            return ProblemError(refusing)
        tunnel = self.tunnels.find(label)
        if tunnel is None:
            return ProblemError(self.rooms.why_absent(label))
        if tunnel.kind is not _HTTP:
            return ProblemError(NO_SUCH_TUNNEL, "This name is no website: what it serves is reached over TLS alone.")
        for check in self.checks:
            verdict = check(request, tunnel, connection)
            if verdict is not None:
                if isinstance(verdict, ProblemError):
                    return verdict
                rest = self.checks[self.checks.index(check) + 1 :]
                return Deferred.fromCoroutine(self._admit_later(label, request, tunnel, connection, verdict, rest))
        return tunnel

    async def _admit_later(
        self,
        label: str,
        request: Request,
        tunnel: Tunnel[Upstream],
        connection: Channel,
        verdict: "Deferred[Verdict]",
        rest: tuple[Check, ...],
    ) -> Admission:
        """Go on with the ``rest`` of the checks; anew, if another tunnel has got the name meanwhile."""
        error = await verdict
        for check in rest:
            if error is None and self.tunnels.find(label) is tunnel:
                result = check(request, tunnel, connection)
                error = await result if isinstance(result, Deferred) else result
        if error is not None:
            return error
        if self.tunnels.find(label) is tunnel:
            return tunnel
        again = self.admit(label, request, connection)
        return await again if isinstance(again, Deferred) else again

    def sweep(self) -> None:
        """End what is over its time, once a second."""
        now = self.clock.seconds()
        self.step, self._swept = now - self._swept, now
        for connection in list(self.connections):
            try:
                connection.check(now)
            except Exception:  # the others are to be looked at all the same, and again in a second
                _log.failure("a defect of Sellia's own: a visitor's connection could not be looked at")
                self.connections.discard(connection)
                connection.drop()
        self.guard.watch(self.pipes.open, now)
