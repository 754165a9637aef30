"""Synchronous connections to services on loopback, and to unix sockets.

Need
    A connection that may have leftovers is not shared (:mod:`sellia.client.local.pool`), so there are many dials.  On
    loopback the kernel completes a connection while it is asked for, and Twisted's way through a connector, two timers
    and a turn of the reactor costs more than the connection: 106 us instead of 46 for both.

What is not complete at once, because the service's backlog is full, is left to Twisted's way, with its timeout.  A unix
socket does not say when there is room again, so it is asked every ``RETRY`` seconds (`UnixEndpoint`).
"""

import errno
import socket
from ipaddress import ip_address
from typing import Any, Final

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Server

from sellia.client.local.kernel_tables import listening
from sellia.targets import Target, TargetKind
from sellia.transports.reactor.waiting import cancel

#: Seconds between two attempts to connect to a unix socket whose backlog is full.
RETRY: Final = 0.02

_DONE: Final = (0, errno.EISCONN)


def addresses(reactor: Any, host: str) -> list[tuple[int, str]]:
    """Return families and addresses of a host on loopback, in the order of trying; none where it is elsewhere."""
    if not isinstance(reactor, PosixReactorBase):
        return []
    if host == "localhost" or host.endswith(".localhost"):
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    try:
        address = ip_address(host)
    except ValueError:
        return []
    if not address.is_loopback:
        return []
    return [(socket.AF_INET if address.version == 4 else socket.AF_INET6, host)]


def connect_now(reactor: Any, family: int, address: str, port: int, protocol: Protocol) -> int:
    """Connect ``protocol`` to this address; return 0, or the errno for which that was not done at once.

    ``address`` is a path where the family is ``AF_UNIX``.
    """
    try:
        handle = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    except OSError as error:
        return error.errno or errno.EINVAL
    place: Any = (address, port)
    if family == socket.AF_UNIX:
        place = address
    elif family == socket.AF_INET6:
        place = (address, port, 0, 0)
    fault = handle.connect_ex(place)
    if fault == errno.EINPROGRESS:
        fault = handle.connect_ex(place)
    if fault not in _DONE:
        handle.close()
        return fault
    if family == socket.AF_UNIX:
        transport: Server = UnixTransport(handle, protocol, reactor, address)
    else:
        transport = Server(handle, protocol, place, None, 0, reactor)  # type: ignore[arg-type]
    protocol.makeConnection(transport)
    return 0


def is_listening(reactor: Any, target: Target) -> bool | None:
    """Return whether somebody listens at a target on this machine; None for one elsewhere, or if that is not clear.

    Where the kernel's tables have nobody it is connected to for a moment.
    """
    places: list[tuple[int, Any]] = []
    if target.kind is TargetKind.UNIX and isinstance(reactor, PosixReactorBase):
        places = [(socket.AF_UNIX, target.path)]
    elif target.kind is TargetKind.ADDRESS:
        places = [(family, (host, target.port)) for family, host in addresses(reactor, target.host)]
    if places and listening(target):
        return True
    answer: bool | None = None
    for family, place in places:
        try:
            with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as handle:
                fault = handle.connect_ex(place)
                if fault == errno.EINPROGRESS:
                    fault = handle.connect_ex(place)
        except OSError:
            continue
        if fault in (0, errno.EISCONN, errno.EAGAIN):
            return True
        if fault in (errno.ECONNREFUSED, errno.ENOENT):
            answer = False
    return answer


class UnixTransport(Server):
    """Transport of a connected unix socket: Twisted's own, which passes descriptors as well, costs a call more."""

    def __init__(self, handle: socket.socket, protocol: Protocol, reactor: Any, path: str = "") -> None:
        super().__init__(handle, protocol, (path or "unix", None), None, 0, reactor)  # type: ignore[arg-type]
        self._path = path
        self.repstr = f"<{type(self).__name__} {path}>"

    def getPeer(self) -> Any:
        """Return the address of the other end."""
        return UNIXAddress(self._path or None)

    def getHost(self) -> Any:
        """Return the address of this end, which has none."""
        return UNIXAddress(None)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing to do: a unix socket has no delay."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Nothing to do: the end of a unix socket's peer is always noticed."""


class UnixEndpoint:
    """Endpoint of a unix socket whose backlog may be full for a while."""

    def __init__(self, reactor: Any, path: str) -> None:
        self._reactor = reactor
        self._path = path
        self.repstr = f"<{type(self).__name__} {path}>"

    def connect(self, factory: IProtocolFactory) -> "Deferred[Any]":
        """Connect as any endpoint does; cancelling the Deferred gives up."""
        timer: Any = None
        result: Deferred[Any] = Deferred(lambda _: cancel(timer))

        def attempt() -> None:
            nonlocal timer
            timer = None
            protocol: Any = factory.buildProtocol(UNIXAddress(self._path))
            fault = connect_now(self._reactor, socket.AF_UNIX, self._path, 0, protocol)
            if not fault:
                result.callback(protocol)
            elif fault == errno.EAGAIN:
                timer = self._reactor.callLater(RETRY, attempt)
            else:
                result.errback(OSError(fault, ""))

        attempt()
        return result
