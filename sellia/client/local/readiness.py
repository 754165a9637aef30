"""Readiness of services at the start: whether anybody listens yet, and what is risky about a target.

A tunnel is opened all the same, as its service may come later.  What is said is said once, and nothing waits for it.

A listener on this machine is found in the kernel's tables (`sellia.client.local.kernel_tables`).  Everything else is
connected to, and left at once.
"""

import os
from collections.abc import Iterable
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.client.events import Problem as ProblemEvent
from sellia.client.events import Report
from sellia.client.local.dial import ServiceSocket
from sellia.client.local.kernel_tables import TABLES, listening
from sellia.client.local.service import LocalService
from sellia.errors import ProblemError
from sellia.problems import SERVICE_REFUSED
from sellia.targets import Target, TargetKind

_RISK: Final = "whoever is on the way there can read and change what passes"

_log = Logger()


class Readiness:
    """The looks at some services.  ``report`` is told what was found; call :meth:`stop` at the end."""

    def __init__(self, report: Report | None, tables: str = TABLES) -> None:
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
