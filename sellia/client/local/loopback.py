"""Synchronous connections to services on loopback.

Need
    A connection that may have leftovers is not shared (:mod:`sellia.client.local.pool`), so there are many dials.  On
    loopback the kernel completes a connection while it is asked for, and Twisted's way through a connector, two timers
    and a turn of the reactor costs more than the connection: 106 us instead of 46 for both.

What is not complete at once, because the service's backlog is full, is left to Twisted's way, with its timeout.
"""

import errno
import socket
from ipaddress import ip_address
from typing import Any, Final

from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Server

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
    """Connect ``protocol`` to this address; return 0, or the errno for which that was not done at once."""
    try:
        handle = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    except OSError as error:
        return error.errno or errno.EINVAL
    place: Any = (address, port) if family == socket.AF_INET else (address, port, 0, 0)
    fault = handle.connect_ex(place)
    if fault == errno.EINPROGRESS:
        fault = handle.connect_ex(place)
    if fault not in _DONE:
        handle.close()
        return fault
    transport = Server(handle, protocol, place, None, 0, reactor)  # type: ignore[arg-type]
    protocol.makeConnection(transport)
    return 0
