"""Dialing a service: its addresses, TLS where it is https, and the problem to tell when no connection is made.

A target that the client serves by itself is dialled as well: the connection is a pair of sockets that nobody else can
reach (:mod:`sellia.client.local.static`).

``localhost`` is two addresses, and many a service listens on only one of them.  Both are tried, first the one that
answered last time; when it refuses, the other at once, and when it does not answer soon, the other beside it (RFC 8305,
section 5).  Other names are resolved and tried by Twisted's own endpoint.

A connection counts as made when the service can be spoken to: over TLS, after the handshake.
"""

import errno
import socket
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import Any, Final

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.error import DNSLookupError, TimeoutError, UnknownHostError
from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from sellia.client.local.loopback import UnixEndpoint, addresses, connect_now
from sellia.client.reasons import FurthestEndpoint, SaysHowFar, furthest, is_refusal, reason
from sellia.errors import ProblemError
from sellia.problems import SERVICE_REFUSED, SERVICE_TLS_FAILED, SERVICE_UNREACHABLE
from sellia.targets import Target, TargetKind
from sellia.transports.reactor.sockets import READ
from sellia.transports.reactor.waiting import cancel

#: Connection attempt delay (RFC 8305): seconds without an answer after which the next address is tried as well.
STAGGER: Final = 0.25


@implementer(IHandshakeListener)
class ServiceSocket(Protocol):
    """Base of all connections to a service."""

    #: Dial that this connection belongs to, until the service can be spoken to.
    dialing: "_Dial | None" = None
    transport: Any

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.bufferSize = READ

    def handshakeCompleted(self) -> None:
        if self.dialing is not None:
            self.dialing.secured(self)

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self.dialing is not None:
            self.dialing.fell(self, reason)


#: By errno, what is said of a unix socket that cannot be connected to, and whether nobody listens there.
_UNIX_FAULTS: Final = {
    errno.ECONNREFUSED: ("refused the connection: nobody listens on it", True),
    errno.ENOENT: ("does not exist", True),
    errno.ENOTDIR: ("does not exist", True),
    errno.EACCES: ("may not be opened by this user", False),
    errno.EPERM: ("may not be opened by this user", False),
    errno.EPROTOTYPE: ("is a socket of another type, for datagrams", False),
}


class Dialer:
    """Dials the service that ``target`` describes; which certificates are valid, :mod:`sellia.client.tls` decides."""

    def __init__(self, reactor: Any, target: Target, *, timeout: float) -> None:
        self.reactor = reactor
        self.target = target
        self.timeout = timeout
        self.secure = target.secure
        #: Address of the service for people, as ``localhost:8080``.
        self.where = target.where
        self._endpoints = [self._over_tls(plain) for plain in self._plain_endpoints()]
        self._preferred = 0
        #: Addresses on this machine, to which connections are made at once.
        self._near = self._near_addresses()
        #: Site of a target that the client serves by itself, once it is dialled.
        self._site: Any = None

    def dial(self, make: Callable[[], ServiceSocket]) -> "Deferred[ServiceSocket]":
        """Make a connection, with a protocol that ``make`` returns.

        Fails with ProblemError when there is none within the timeout.  Cancelling the Deferred gives the dial up.
        """
        if self.target.static:
            return self._to_ourselves(make)
        if self._near:
            made = self._at_once(make)
            if made is not None:
                return made
        order = list(enumerate(self._endpoints))
        if self._preferred:
            order.reverse()
        return _Dial(self, make, order).start()

    def _at_once(self, make: Callable[[], ServiceSocket]) -> "Deferred[ServiceSocket] | None":
        """Return a connection on loopback, or its refusal, or None where that is not decided at once."""
        near = self._near
        for index in range(len(near)) if not self._preferred else range(len(near) - 1, -1, -1):
            protocol = make()
            fault = connect_now(self.reactor, *near[index], self.target.port, protocol)
            if not fault:
                self._preferred = index
                return succeed(protocol)
            if self.target.kind is TargetKind.UNIX and fault in _UNIX_FAULTS:
                return fail(self._unix_problem(fault))
            if fault != errno.ECONNREFUSED:
                return None
        return fail(ProblemError(SERVICE_REFUSED, f"{self.where} refused the connection."))

    def _to_ourselves(self, make: Callable[[], ServiceSocket]) -> "Deferred[ServiceSocket]":
        """Return a connection to what this process serves."""
        if self._site is None:
            from sellia.client.local.static.site import StaticSite

            self._site = StaticSite(self.reactor, self.target)
        protocol = make()
        fault = self._site.connect(protocol)
        if fault:
            words = reason(Failure(OSError(fault, "")))
            return fail(ProblemError(SERVICE_UNREACHABLE, f"{self.where} {words}."))
        return succeed(protocol)

    def prefer(self, index: int) -> None:
        """Dial the address with this index first from now on, because it answered."""
        self._preferred = index

    def problem(self, failures: list[Failure]) -> ProblemError:
        """Return the problem of a dial whose attempts have failed, or of which none has answered in time."""
        where = self.where
        if not failures:
            return ProblemError(SERVICE_UNREACHABLE, f"{where} did not answer within {self.timeout:g} seconds.")
        failure = furthest(failures)
        fault = getattr(failure.value, "errno", None)
        if self.target.kind is TargetKind.UNIX and fault in _UNIX_FAULTS:
            return self._unix_problem(fault)
        if is_refusal(failure):
            return ProblemError(SERVICE_REFUSED, f"{where} refused the connection.")
        if failure.check(DNSLookupError, UnknownHostError):
            return ProblemError(SERVICE_UNREACHABLE, f"No address was found for {self.target.host}.")
        if failure.check(TimeoutError):
            return self.problem([])
        if failure.check(_TlsFailed):
            return ProblemError(SERVICE_TLS_FAILED, f"{where} {failure.value}.")
        return ProblemError(SERVICE_UNREACHABLE, f"{where} {reason(failure)}.")

    def _unix_problem(self, fault: int) -> ProblemError:
        """Return the problem of a unix socket that cannot be connected to."""
        words, refused = _UNIX_FAULTS[fault]
        return ProblemError(SERVICE_REFUSED if refused else SERVICE_UNREACHABLE, f"{self.where} {words}.")

    def _near_addresses(self) -> list[tuple[int, str]]:
        target = self.target
        if target.kind is TargetKind.UNIX:
            return [(socket.AF_UNIX, target.path)]
        return [] if target.secure or target.static else addresses(self.reactor, target.host)

    def _plain_endpoints(self) -> list[Any]:
        reactor, target, timeout = self.reactor, self.target, self.timeout
        host, port = target.host, target.port
        if target.static:
            return []
        if target.kind is TargetKind.UNIX:
            return [UnixEndpoint(reactor, target.path)]
        if host == "localhost" or host.endswith(".localhost"):
            return [
                TCP4ClientEndpoint(reactor, "127.0.0.1", port, timeout),
                TCP6ClientEndpoint(reactor, "::1", port, timeout),
            ]
        try:
            version = ip_address(host).version
        except ValueError:
            return [FurthestEndpoint(reactor, host, port, timeout=timeout, attemptDelay=STAGGER)]
        return [(TCP4ClientEndpoint if version == 4 else TCP6ClientEndpoint)(reactor, host, port, timeout)]

    def _over_tls(self, plain: Any) -> Any:
        if not self.secure:
            return plain
        from sellia.client.tls import connection_creator

        return wrapClientTLS(connection_creator(self.target.host, self.target.verify, self.target.ca), plain)


class _TlsFailed(SaysHowFar):
    """TLS handshake that failed after the service was reached; `str` says why."""


class _Silent(SaysHowFar):
    """TLS handshake that did not end in time after the service was reached."""


class _Dial:
    """One dial: attempts on several addresses, of which the first to succeed ends all others."""

    def __init__(self, dialer: Dialer, make: Callable[[], ServiceSocket], left: list[tuple[int, Any]]) -> None:
        self._dialer = dialer
        self._make = make
        self._left = left
        self._attempts: list[Deferred[Any]] = []
        #: Connections whose TLS handshake is under way, with the index of their address.
        self._securing: dict[ServiceSocket, int] = {}
        self._failures: list[Failure] = []
        self._timers: list[Any] = []
        self._over = False
        self._result: Deferred[ServiceSocket] = Deferred(lambda _: self._stop())

    def start(self) -> "Deferred[ServiceSocket]":
        self._later(self._dialer.timeout, self._timed_out)
        self._next()
        return self._result

    def secured(self, socket: ServiceSocket) -> None:
        """Finish with this connection, whose TLS handshake is done."""
        self._won(socket, self._securing.pop(socket))

    def fell(self, socket: ServiceSocket, reason: Failure | None) -> None:
        """Note the loss of a connection before its TLS handshake was done."""
        if self._securing.pop(socket, None) is not None:
            from sellia.client.tls import explain

            self._failed(Failure(_TlsFailed(explain(reason))))

    def _next(self) -> None:
        if self._over or not self._left:
            return
        index, endpoint = self._left.pop(0)
        factory = Factory.forProtocol(self._make)
        factory.noisy = False
        attempt = endpoint.connect(factory)
        self._attempts.append(attempt)
        attempt.addCallbacks(partial(self._connected, index), self._failed)
        if self._left and not self._over:
            self._later(STAGGER, self._next)

    def _connected(self, index: int, socket: Any) -> None:
        if self._over:
            socket.transport.abortConnection()
        elif self._dialer.secure:
            socket.dialing = self
            self._securing[socket] = index
        else:
            self._won(socket, index)

    def _won(self, socket: ServiceSocket, index: int) -> None:
        socket.dialing = None
        self._stop()
        self._dialer.prefer(index)
        self._result.callback(socket)

    def _failed(self, failure: Failure) -> None:
        if self._over:
            return
        self._failures.append(failure)
        if self._left:
            self._next()
        elif len(self._failures) == len(self._attempts):
            self._give_up(self._failures)

    def _timed_out(self) -> None:
        failures = list(self._failures)
        if self._securing:
            within = f"within {self._dialer.timeout:g} seconds"
            failures.append(Failure(_Silent(f"accepted the connection, and did not answer the TLS handshake {within}")))
        elif failures:
            failures.append(Failure(TimeoutError()))
        self._give_up(failures)

    def _give_up(self, failures: list[Failure]) -> None:
        self._stop()
        self._result.errback(self._dialer.problem(failures))

    def _stop(self) -> None:
        """Give up all that is still under way."""
        self._over = True
        for timer in self._timers:
            cancel(timer)
        for attempt in self._attempts:
            attempt.cancel()
        securing, self._securing = self._securing, {}
        for each in securing:
            each.dialing = None
            each.transport.abortConnection()

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._timers.append(self._dialer.reactor.callLater(seconds, call))
