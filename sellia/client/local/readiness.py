"""Readiness of services at the start: whether anybody listens yet, and what is risky about a target.

A tunnel is opened all the same, as its service may come later.  What is said is said once, and nothing waits for it.

A listener on this machine is found in the kernel's tables where there are some (Linux), because a service that takes
one connection, as ``nc -l`` does, must not lose it to a look.  Everything else is connected to, and left at once.
"""

import os
import sys
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.client.events import Problem as ProblemEvent
from sellia.client.events import Report
from sellia.client.local.dial import ServiceSocket
from sellia.client.local.service import LocalService
from sellia.errors import ProblemError
from sellia.problems import SERVICE_REFUSED
from sellia.relay.http.hosts import is_loopback
from sellia.targets import Target, TargetKind

#: Most bytes of a table of the kernel that are read.
TABLE_LIMIT: Final = 4 * 1024 * 1024

_RISK: Final = "whoever is on the way there can read and change what passes"

_LISTENING: Final = b"0A"  # TCP_LISTEN
_ACCEPTING: Final = 0x10000  # __SO_ACCEPTCON


def _spelled(address: IPv4Address | IPv6Address) -> bytes:
    """Return an address as the tables spell it: in words of this machine's byte order."""
    packed = address.packed
    words = [int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4)]
    return b"".join(b"%08X" % word for word in words)


#: Families and tables of the addresses of loopback, and the addresses as they stand there.
_LOOPBACK: Final = (
    (4, "tcp", _spelled(IPv4Address("127.0.0.1"))),
    (4, "tcp6", _spelled(IPv6Address("::ffff:127.0.0.1"))),
    (6, "tcp6", _spelled(IPv6Address("::1"))),
)

_log = Logger()


class Readiness:
    """The looks at some services.  ``report`` is told what was found; call :meth:`stop` at the end."""

    def __init__(self, report: Report | None, tables: str = "/proc/self/net") -> None:
        self._report = report
        self._tables = tables
        self._looks: list[Deferred[Any]] = []
        self._seen: set[Target] = set()

    def look(self, services: Iterable[LocalService]) -> None:
        """Look at each target once."""
        for service in services:
            target = service.target
            if target in self._seen or target.scheme == "udp":
                continue
            self._seen.add(target)
            if target.insecure:
                self._tell(f"The certificate of {target.where} is not checked: {_RISK}.")
            if target.kind is TargetKind.FILES:
                if not os.path.exists(target.path):
                    self._tell(f"{target.where} does not exist yet; visitors get 404 until it does.")
            elif not target.static and not listening(target, self._tables):
                self._dial(service)

    def stop(self) -> None:
        """Give up what is still under way."""
        looks, self._looks = self._looks, []
        for look in looks:
            look.cancel()

    def _dial(self, service: LocalService) -> None:
        dialled = service.dial(ServiceSocket)
        self._looks.append(dialled)

        def found(socket: ServiceSocket) -> None:
            socket.transport.loseConnection()

        def missed(failure: Failure) -> None:
            if failure.check(CancelledError):
                return
            error = failure.value
            if not isinstance(error, ProblemError):
                failure.raiseException()
            where = service.where
            visitors_get = "are turned away" if service.target.scheme == "tcp" else "get 502"
            if error.problem is SERVICE_REFUSED:
                self._tell(f"nobody listens on {where} yet; visitors {visitors_get} until something does")
            else:
                self._tell(f"{error.detail.rstrip('.')}; visitors {visitors_get} until that changes")

        def over(_: object) -> None:
            if dialled in self._looks:
                self._looks.remove(dialled)

        dialled.addCallbacks(found, missed)
        dialled.addErrback(lambda failure: _log.failure("a service could not be looked for", failure))
        dialled.addBoth(over)

    def _tell(self, message: str) -> None:
        _log.warn("{message}", message=message)
        if self._report is not None:
            self._report(ProblemEvent(message, caution=True))


def listening(target: Target, tables: str = "/proc/self/net") -> bool:
    """Return whether the kernel's tables say that somebody listens; False where that is not known."""
    if target.kind is TargetKind.UNIX:
        return _listens_on_path(target.path, os.path.join(tables, "unix"))
    if target.kind is not TargetKind.ADDRESS or not is_loopback(target.host):
        return False
    named = target.host == "localhost" or target.host.endswith(".localhost")
    version = 0 if named else ip_address(target.host).version
    port = b":%04X" % target.port
    return any(
        _listens_on_port(address + port, os.path.join(tables, table))
        for family, table, address in _LOOPBACK
        if version in (0, family)
    )


def _listens_on_port(place: bytes, table: str) -> bool:
    """Return whether somebody listens there, or at that port of all addresses."""
    everywhere = b"0" * place.index(b":") + place[place.index(b":") :]
    for line in _lines(table):
        fields = line.split(None, 4)
        if len(fields) > 3 and fields[3] == _LISTENING and fields[1] in (place, everywhere):
            return True
    return False


def _listens_on_path(path: str, table: str) -> bool:
    name = os.fsencode(path)
    for line in _lines(table):
        fields = line.split(None, 7)
        if len(fields) == 8 and fields[7].rstrip(b"\n") == name:
            try:
                if int(fields[3], 16) & _ACCEPTING:
                    return True
            except ValueError:
                continue
    return False


def _lines(table: str) -> list[bytes]:
    try:
        with open(table, "rb") as file:
            return file.read(TABLE_LIMIT).splitlines()
    except OSError:
        return []
