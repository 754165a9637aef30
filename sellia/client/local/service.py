"""What a tunnel points to: a service, reached by host and port over http or https.

For each stream that the server opens, :meth:`LocalService.open_leg` gives the leg that speaks to the service.
"""

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from sellia.client.events import VISITOR_LEFT, RequestFinished
from sellia.client.events import Problem as ProblemEvent
from sellia.client.local.connection import HttpConnection
from sellia.client.local.deadlines import Deadlines
from sellia.client.local.dial import Dialer, ServiceSocket
from sellia.client.local.exchange import Report, ServiceLeg, server_refused
from sellia.client.local.host_checks import advice, recognise
from sellia.client.local.http import ServiceHttpLeg
from sellia.client.local.pool import IDLE_LIMIT, IDLE_SECONDS, Pool
from sellia.client.local.tcp import ServiceTcpLeg
from sellia.client.local.upgrade import ServiceUpgradeLeg
from sellia.problems import BAD_SERVICE_RESPONSE
from sellia.protocol.messages import Headers, HttpRequest, Opening, Reset, ServerLimits, TcpConnection
from sellia.relay.limits.limit_log import LimitLog
from sellia.relay.limits.websocket import as_told
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.stream import Stream
from sellia.text import printable, shown_target
from sellia.transports.reactor.batching import batch_of
from sellia.transports.websocket.pipe import ServiceWebSocketFactory
from sellia.transports.websocket.record import WebSocketRecord

_log = Logger()

#: Exchanges that are remembered, in case that the server refuses an answer that was complete.
FINISHED_LIMIT: Final = 256

#: Seconds for the service to accept a connection, TLS included.
CONNECT_TIMEOUT: Final = 10.0

#: Seconds after which whoever listens is told of a request without a response head, or of a response that still flows.
SLOW: Final = 10.0


class LocalService:
    """One service, with the connections to it.

    ``host`` is a name or an address without brackets; ``localhost`` is tried over IPv4 and IPv6.  With ``scheme``
    https, a service on loopback may have any certificate, because most there have signed their own; every other host
    must have one that is valid for its name.  ``verify`` overrides that either way; ``ca`` is the path of a file with
    certificates of authorities that are trusted besides those of this machine, and implies ``verify``.

    ``name`` is the tunnel's public name, for the log; set it when it is known.  Call :meth:`stop` at the end.
    """

    def __init__(
        self,
        reactor: Any,
        host: str,
        port: int,
        scheme: str = "http",
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        idle_limit: int = IDLE_LIMIT,
        idle_seconds: float = IDLE_SECONDS,
        verify: bool | None = None,
        ca: str | None = None,
    ) -> None:
        self.clock: Any = reactor
        self.name = "-"
        #: Whether pings of its WebSockets are answered while the link is away; set it when the server has said so, too.
        self.answers_pings = True
        self._dialer = Dialer(reactor, host, port, scheme, timeout=connect_timeout, verify=verify, ca=ca)
        #: What the service is asked by: ``http`` or ``https``.
        self.scheme = scheme.encode("ascii")
        #: The service's address for people.
        self.where = self._dialer.where
        self.pool: Pool[HttpConnection] = Pool(reactor, limit=idle_limit, seconds=idle_seconds)
        #: Exchanges that whoever listens has not been told to be slow.
        self.slow: Deadlines[ServiceLeg] = Deadlines(reactor, SLOW, _slow)
        self.pipes = ServiceWebSocketFactory(reactor)
        #: What a service may send on a WebSocket: what the server says, as soon as it has.
        self.frames = as_told(ServerLimits())
        self._turn = batch_of(reactor)
        self._refusals = LimitLog()
        self._host_check_told = False
        self._finished: dict[int, tuple[bytes, bytes, int | None, int, int, Report | None]] = {}

    def open_leg(self, stream: Stream, opening: Opening, end: bool, report: Report | None = None) -> Leg:
        """The leg of a stream that the server has opened; ``end`` says that nothing follows the opening.

        Returns at once, and never raises: what goes wrong resets the stream.  ``report`` is told the events.
        """
        if isinstance(opening, HttpRequest):
            return ServiceHttpLeg(self, stream, opening, end, report)
        if isinstance(opening, TcpConnection):
            return ServiceTcpLeg(self, stream, end)
        return ServiceUpgradeLeg(self, stream, opening, report)

    def dial(self, make: Any) -> "Deferred[ServiceSocket]":
        """A new connection to the service."""
        return self._dialer.dial(make)

    def dial_http(self) -> "Deferred[ServiceSocket]":
        """A new connection that speaks HTTP."""
        return self._dialer.dial(self._http)

    def forget(self, exchange: ServiceLeg) -> None:
        """This exchange is answered, or over."""
        self.slow.discard(exchange)

    def visitor_left(self, connection: int) -> None:
        """The visitor's connection with this number is closed."""
        self.pool.left(connection)

    def disown(self) -> None:
        """The session is over: the numbers of visitors' connections mean nothing any more."""
        self.pool.disown()
        self._finished.clear()

    def look_for_host_check(self, status: int, body: bytes, headers: Headers, report: Report | None) -> None:
        """Tell whoever runs the service what to add, once, if it refused a request because of its host."""
        check = None if self._host_check_told else recognise(status, body)
        if check is None:
            return
        self._host_check_told = True
        host = next((value for name, value in headers if name.lower() == b"host"), b"").partition(b":")[0]
        told = advice(check, printable(host, 255))
        _log.warn("tunnel {tunnel}: {advice}", tunnel=self.name, advice=told)
        if report is not None:
            report(ProblemEvent(told))

    def finished(self, leg: ServiceHttpLeg) -> None:
        """This exchange is over, as far as is known here: the server may yet refuse its answer."""
        finished = self._finished
        finished[leg.stream.id] = leg.method, leg.opening.target, leg.status, leg.bytes_in, leg.bytes_out, leg.report
        if len(finished) > FINISHED_LIMIT:
            del finished[next(iter(finished))]

    def ended_late(self, number: int, reset: Reset) -> None:
        """The server has reset the exchange with this number, whose answer was told as complete."""
        refused = reset.word == BAD_SERVICE_RESPONSE.code
        found = self._finished.pop(number, None) if refused or reset.word == "visitor-gone" else None
        if found is None:
            return
        method, target, status, bytes_in, bytes_out, report = found
        cause = VISITOR_LEFT
        if refused:
            status, bytes_in, bytes_out = BAD_SERVICE_RESPONSE.status, 0, 0
            cause = server_refused(reset.message)
            _log.warn(
                "{method} {target} failed: {word}: {cause}",
                id=number,
                method=printable(method, 32),
                target=shown_target(target),
                word=BAD_SERVICE_RESPONSE.code,
                cause=cause,
            )
        if report is not None:
            what, where = (octets.decode("utf-8", "backslashreplace") for octets in (method, target))
            report(RequestFinished(number, what, where, status, 0.0, bytes_in, bytes_out, cause, self.name))

    def violated(self, story: WebSocketRecord) -> int | None:
        """The service broke the rules of WebSocket: None if that is not worth a line, else how many before it were not.

        One with a defect breaks them on every WebSocket.
        """
        return self._refusals.count("websocket_violations", self.clock.seconds())

    def stop(self) -> None:
        """Drop the idle connections and all timers.  Call it when the session is over, and with it every leg."""
        self.slow.stop()
        self.pool.stop()

    def _http(self) -> HttpConnection:
        return HttpConnection(self.pool, self._turn, self.clock)


def _slow(exchange: ServiceLeg) -> None:
    exchange.slow()
