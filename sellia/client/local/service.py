"""A local service, which a tunnel points to: its address, the connections to it, and what its legs share.

Legs (:mod:`sellia.client.local.kinds`) are given their service, and ask it for connections.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from sellia.client.events import Problem as ProblemEvent
from sellia.client.events import Report
from sellia.client.local.connection import HttpConnection
from sellia.client.local.deadlines import Deadlines
from sellia.client.local.dial import Dialer, ServiceSocket
from sellia.client.local.finished import FinishedExchanges
from sellia.client.local.host_checks import advice, recognise
from sellia.client.local.loopback import is_listening
from sellia.client.local.pool import IDLE_LIMIT, IDLE_SECONDS, Pool
from sellia.protocol.messages import Headers, ServerLimits
from sellia.relay.http.rewriting import Rewriter
from sellia.relay.limits.limit_log import LimitLog
from sellia.relay.limits.websocket import as_told
from sellia.targets import Target
from sellia.text import printable
from sellia.transports.reactor.batching import batch_of
from sellia.transports.websocket.pipe import ServiceWebSocketFactory
from sellia.transports.websocket.record import WebSocketRecord

_log = Logger()

#: Seconds for the service to accept a connection, TLS included.
CONNECT_TIMEOUT: Final = 10.0

#: Seconds after which the listener is told of a request without a response head, or of a response that still flows.
SLOW: Final = 10.0

#: Seconds for which one look at whether the service listens serves all who ask.
_ASK_AGAIN: Final = 0.2


class SlowExchange(Protocol):
    """An exchange whose slowness is told."""

    def slow(self) -> None:
        """Tell the listener that the service takes its time."""


class LocalService:
    """One service, and the connections to it.

    ``target`` describes it: ``localhost`` is tried over IPv4 and IPv6; a service with the scheme https that is on
    loopback may have any certificate, because most there have signed their own, and every other one must have one that
    is valid for its name, unless ``target.verify`` says otherwise.

    ``name`` is the tunnel's public name, for the log; its tunnel sets it.  Call :meth:`stop` at the end.
    """

    def __init__(
        self,
        reactor: Any,
        target: Target,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        idle_limit: int = IDLE_LIMIT,
        idle_seconds: float = IDLE_SECONDS,
        proxy_protocol: int = 0,
        rewriter: Rewriter | None = None,
    ) -> None:
        #: What rewrites the heads of its exchanges, if anything does.
        self.rewriter = rewriter
        #: Scheme of the tunnel's public URL; its tunnel sets it.
        self.public_scheme = b"https"
        #: Version of the PROXY protocol's header that goes first on a TCP connection; 0 for none.
        self.proxy_protocol = proxy_protocol
        #: What ends TLS here, for a ``tls`` tunnel with a certificate; its tunnel sets it.
        self.terminator: Any = None
        self.clock: Any = reactor
        self.target = target
        self.name = "-"
        #: Whether pings of its WebSockets are answered while the link is away; its tunnel sets it.
        self.answers_pings = True
        self._dialer = Dialer(reactor, target, timeout=connect_timeout)
        #: URL scheme of the service: ``http`` or ``https``.
        self.scheme = target.scheme.encode("ascii")
        #: Address of the service for people, as ``localhost:8080``.
        self.where = target.where
        self.pool: Pool[HttpConnection] = Pool(reactor, limit=idle_limit, seconds=idle_seconds)
        #: Exchanges that the listener has not been told to be slow.
        self.slow: Deadlines[SlowExchange] = Deadlines(reactor, SLOW, _slow)
        self.pipes = ServiceWebSocketFactory(reactor)
        #: Protocols besides WebSocket that its tunnel lists.
        self.upgrades: Sequence[str] = ()
        #: Limits of what the service may send on a WebSocket, from the server's welcome.
        self.frames = as_told(ServerLimits())
        self._turn = batch_of(reactor)
        self._refusals = LimitLog()
        #: Whether it is asked under its own name, for which a service refuses strangers only.
        self._own_names = rewriter is not None and rewriter.own_names
        self._host_check_told = False
        #: When it was last asked whether it listens, and the answer.
        self._asked_at = -_ASK_AGAIN
        self._listens: bool | None = None
        #: Exchanges whose responses the server may yet refuse.
        self.finished = FinishedExchanges()

    def dial(self, make: Callable[[], ServiceSocket]) -> "Deferred[ServiceSocket]":
        """Make a connection to the service, with the protocol that ``make`` returns."""
        return self._dialer.dial(make)

    def dial_http(self) -> "Deferred[ServiceSocket]":
        """Make a connection that speaks HTTP."""
        return self._dialer.dial(self._http)

    def forget(self, exchange: SlowExchange) -> None:
        """Stop waiting for an exchange that is answered, or over."""
        self.slow.discard(exchange)

    def look(self) -> None:
        """Note what has passed on open WebSockets; call it once a second."""
        if self.pipes.open:
            now = self.clock.seconds()
            for pipe in self.pipes.open:
                pipe.record.look(now)

    def listening(self) -> bool | None:
        """Return whether somebody listens at the service's address; None where that cannot be told at once."""
        now = self.clock.seconds()
        if now - self._asked_at >= _ASK_AGAIN:
            self._asked_at = now
            self._listens = is_listening(self.clock, self.target)
        return self._listens

    def visitor_left(self, connection: int) -> None:
        """Release what is kept for the visitor's connection with this number, which is closed."""
        self.pool.left(connection)

    def disown(self) -> None:
        """Forget the numbers of visitors' connections and of streams, because the session is over."""
        self.pool.disown()
        self.finished.clear()

    def look_for_host_check(self, status: int, body: bytes, headers: Headers, report: Report | None) -> bool:
        """Return whether the service refused a request for its host; tell the user once what to add to its settings."""
        check = None if self._own_names else recognise(status, body)
        if check is None:
            return False
        if self._host_check_told:
            return True
        self._host_check_told = True
        host = next((value for name, value in headers if name.lower() == b"host"), b"").partition(b":")[0]
        told = advice(check, printable(host, 255))
        _log.warn("tunnel {tunnel}: {advice}", tunnel=self.name, advice=told)
        if report is not None:
            report(ProblemEvent(told))
        return True

    def violated(self, story: WebSocketRecord) -> int | None:
        """Rate-limit the log line about a service that breaks RFC 6455, which one with a defect does on each WebSocket.

        Returns how many lines were suppressed before this one, or None to suppress it.
        """
        return self._refusals.count("websocket_violations", self.clock.seconds())

    def stop(self) -> None:
        """Drop the idle connections and all timers.  Call it when the session and every leg are over."""
        self.slow.stop()
        self.pool.stop()

    def _http(self) -> HttpConnection:
        return HttpConnection(self.pool, self._turn, self.clock)


def _slow(exchange: SlowExchange) -> None:
    exchange.slow()
