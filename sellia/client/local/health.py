"""Health check of a service: asks for a path again and again, and tells when the answer becomes good or bad.

A status from 200 to 399 within ``TIMEOUT`` seconds is good.  Each check has a connection of its own, as a new visitor
has, so that a service which takes no more connections fails it.

Bounds: one check at a time, ``INTERVAL`` seconds after the one before has begun, or at once where that took longer;
``ANSWER`` bytes of an answer are read for its status.
"""

import re
from collections.abc import Callable
from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.client.local.dial import ServiceSocket
from sellia.client.local.service import LocalService
from sellia.errors import ProblemError
from sellia.text import printable
from sellia.transports.reactor.waiting import cancel

#: Seconds from one check to the next, and for one.
INTERVAL: Final = 10.0
TIMEOUT: Final = 5.0

#: Bytes of an answer that are read at most.
ANSWER: Final = 16 * 1024

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r\n]")
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")

_log = Logger()


class HealthCheck:
    """Checks of one service; ``told`` is called with what is wrong with it, or "", when that begins or ends."""

    def __init__(self, service: LocalService, target: bytes, told: Callable[[str], None], fault: str = "") -> None:
        self._service = service
        self._request = (
            b"GET %b HTTP/1.1\r\nHost: %b\r\nUser-Agent: sellia-health\r\nAccept: */*\r\nConnection: close\r\n\r\n"
            % (target, service.target.authority.encode("ascii", "replace") or b"localhost")
        )
        self._where = f"{service.where}{printable(target, 80)}"
        self._told = told
        self._fault = fault
        self._dialling: Deferred[ServiceSocket] | None = None
        self._asking: _Asking | None = None
        self._next: IDelayedCall | None = None
        self._deadline: IDelayedCall | None = None
        self._began = 0.0

    def start(self) -> None:
        """Check now, and from then on."""
        clock = self._service.clock
        self._next = None
        self._began = clock.seconds()
        self._deadline = clock.callLater(TIMEOUT, self._late)
        dialling = self._dialling = self._service.dial(lambda: _Asking(self))
        dialling.addCallbacks(self._dialled, self._not_dialled)
        dialling.addErrback(lambda failure: _log.failure("a service could not be checked", failure))

    def stop(self) -> None:
        """Check no more."""
        cancel(self._next)
        self._drop()

    def answered(self, status: int) -> None:
        """Take the status of an answer."""
        self._found("" if 200 <= status < 400 else f"{self._where} answered {status}.")

    def closed(self) -> None:
        """Note that the connection ended without an answer."""
        self._found(f"{self._where} gave no answer that is HTTP.")

    # --- inside --------------------------------------------------------------------------------------------

    def _dialled(self, socket: ServiceSocket) -> None:
        self._dialling = None
        assert isinstance(socket, _Asking)
        self._asking = socket
        socket.transport.write(self._request)

    def _not_dialled(self, failure: Failure) -> None:
        self._dialling = None
        if failure.check(CancelledError):
            return
        if not isinstance(failure.value, ProblemError):
            failure.raiseException()
        self._found(failure.value.detail)

    def _late(self) -> None:
        self._deadline = None
        self._found(f"{self._where} did not answer within {TIMEOUT:g} s.")

    def _found(self, fault: str) -> None:
        self._drop()
        clock = self._service.clock
        self._next = clock.callLater(max(0.0, self._began + INTERVAL - clock.seconds()), self.start)
        before, self._fault = self._fault, fault
        if bool(before) != bool(fault):
            self._told(fault)

    def _drop(self) -> None:
        """End the check that is under way."""
        deadline, self._deadline = self._deadline, None
        cancel(deadline)
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.leave()


class _Asking(ServiceSocket):
    """Connection of one check."""

    def __init__(self, check: HealthCheck) -> None:
        self._check: HealthCheck | None = check
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        if self._check is None:
            return
        self._data = (self._data + data)[:ANSWER]
        while (found := _STATUS.match(self._data)) is not None:
            if not found[1].startswith(b"1"):
                self._check.answered(int(found[1]))
                return
            end = _END_OF_HEAD.search(self._data)
            if end is None:
                break
            self._data = self._data[end.end() :]
        if len(self._data) == ANSWER or (len(self._data) > 13 and found is None):
            self._check.closed()

    def connectionLost(self, reason: Failure | None = connectionDone) -> None:
        super().connectionLost(reason)
        if self._check is not None and self.dialing is None:
            self._check.closed()

    def leave(self) -> None:
        """Close the connection, and tell nothing more."""
        self._check = None
        self.transport.abortConnection()
