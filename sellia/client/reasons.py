"""Sentences for connections that could not be made.

Each goes on after the address that was dialled, as in ``localhost:8080 refused the connection``.  Where several
addresses of a host were tried, the one that got furthest tells the most: a TLS handshake that failed says more than
the refusal of an address that nobody listens on.
"""

import errno
import os
from collections.abc import Sequence
from typing import Any, Final

from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import (
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TCPTimedOutError,
    TimeoutError,
    UnknownHostError,
)
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure
from zope.interface import directlyProvides, providedBy

from sellia.text import printable

#: By errno: how far an attempt that fails with it got, as a rank, and its sentence.
_ERRNOS: Final = {
    errno.ECONNREFUSED: (6, "refused the connection"),
    errno.ECONNRESET: (6, "reset the connection"),
    errno.ECONNABORTED: (6, "reset the connection"),
    errno.EPIPE: (6, "reset the connection"),
    errno.EPERM: (4, "could not be reached: this machine forbids the connection (a firewall, or a sandbox)"),
    errno.EACCES: (4, "could not be reached: this machine forbids the connection (a firewall, or a sandbox)"),
    errno.ETIMEDOUT: (5, "did not answer in time"),
    errno.EHOSTUNREACH: (3, "could not be reached: no way leads to that host"),
    errno.EHOSTDOWN: (3, "could not be reached: that host is down"),
    errno.ENETUNREACH: (2, "could not be reached: no way leads to its network (is this machine online?)"),
    errno.ENETDOWN: (2, "could not be reached: the network of this machine is down"),
    errno.EADDRNOTAVAIL: (1, "could not be reached: this machine has no address, or no free port, for it"),
    errno.EAFNOSUPPORT: (1, "could not be reached: this machine does not speak that kind of IP"),
    errno.EINVAL: (1, "could not be reached: its address cannot be connected to"),
    errno.EMFILE: (7, "could not be reached: this process has no file descriptor left (raise `ulimit -n`)"),
    errno.ENFILE: (7, "could not be reached: this machine has no file descriptor left"),
    errno.ENOBUFS: (7, "could not be reached: this machine has no memory left for connections"),
    errno.ENOMEM: (7, "could not be reached: this machine has no memory left for connections"),
}

_TIMED_OUT: Final = _ERRNOS[errno.ETIMEDOUT]


def reason(failure: Failure) -> str:
    """Return what happened, to go on after the address."""
    return _judge(failure)[1]


def furthest(failures: Sequence[Failure]) -> Failure:
    """Return the one of ``failures``, at least one, whose attempt got furthest; of equals the first."""
    return max(failures, key=lambda failure: _judge(failure)[0])


def is_refusal(failure: Failure) -> bool:
    """Return whether something answered that nobody listens."""
    return _judge(failure) == _ERRNOS[errno.ECONNREFUSED]


def _judge(failure: Failure) -> tuple[int, str]:
    if failure.check(ConnectionRefusedError):
        return _ERRNOS[errno.ECONNREFUSED]
    if failure.check(TimeoutError, TCPTimedOutError):
        return _TIMED_OUT
    if failure.check(DNSLookupError, UnknownHostError):
        return 0, "could not be reached: no address was found for this name (is it spelled right?)"
    number = getattr(failure.value, "osError", None) or getattr(failure.value, "errno", None)
    if isinstance(number, int) and number in _ERRNOS:
        return _ERRNOS[number]
    if failure.check(NoRouteError):
        return _ERRNOS[errno.ENETUNREACH]
    if isinstance(number, int) and number > 0:
        words = os.strerror(number)
        return 3, f"could not be reached: {words[:1].lower()}{words[1:]}"
    if isinstance(failure.value, SaysHowFar):
        return failure.value.rank, str(failure.value)
    return 1, "could not be reached"


class SaysHowFar(Exception):
    """A failure of ours that came after a connection was made; `str` goes on after the address."""

    rank = 8


class FurthestEndpoint:
    """Twisted's `HostnameEndpoint`, which fails with the failure of the address that got furthest.

    Its own is that of the last, which may be an address of a kind that this machine has no way to.
    """

    def __init__(self, reactor: Any, host: str, port: int, **options: Any) -> None:
        self._reactor = reactor
        self._where = host, port
        self._options = options

    def connect(self, factory: IProtocolFactory) -> Any:
        """Connect as any endpoint does."""
        witness = _Witness(self._reactor)
        dialled: Any = HostnameEndpoint(witness, *self._where, **self._options).connect(factory)
        return dialled.addErrback(lambda failure: furthest([failure, *witness.failures]))


class _Witness:
    """A reactor that remembers which connections failed, and how."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.failures: list[Failure] = []
        directlyProvides(self, providedBy(reactor))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def connectTCP(self, host: str, port: int, factory: Any, *more: Any, **named: Any) -> Any:
        tell = factory.clientConnectionFailed

        def failed(connector: Any, failure: Failure) -> None:
            self.failures.append(failure)
            tell(connector, failure)

        factory.clientConnectionFailed = failed
        return self._reactor.connectTCP(host, port, factory, *more, **named)


def shown_address(host: str, port: int) -> str:
    """Return an address for people, as ``localhost:8080`` or ``[::1]:8080``."""
    return f"[{host}]:{port}" if ":" in host else f"{printable(host)}:{port}"
