"""Twisted service of the control socket: opens it with its client, and answers until the process ends."""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.logger import Logger

from sellia.client.control.lines import ControlError
from sellia.client.control.listener import ControlFactory, ControlListener
from sellia.client.control.places import PlaceError, socket_directories
from sellia.client.control.sockets import SocketFile, listen
from sellia.client.control.status import About, counts, status_of
from sellia.client.events import UnderWay
from sellia.client.service import ClientService
from sellia.text import field, printable
from sellia.transports.reactor.causes import book_of

_log = Logger()


class Inspected(Protocol):
    """Inspector of the client, as far as its user's commands ask for it."""

    address: str
    token: str

    @property
    def url(self) -> str:
        """Address of its page, with the token."""


class ControlService(Service):
    """Control of one client, the only one of its process.

    ``end`` ends the process in order, or with True at once.  The socket is closed when the reactor is, after everything
    else: a client that stops can still be asked what it waits for.
    """

    name = "sellia-control"

    def __init__(
        self,
        client: ClientService,
        reactor: Any,
        end: Callable[[bool], None],
        about: About,
        reload: Callable[[], dict[str, Any]] | None = None,
        environment: Mapping[str, str] = os.environ,
        wall_clock: Callable[[], float] = time.time,
        inspector: Inspected | None = None,
    ) -> None:
        self._client = client
        self._inspector = inspector
        self._reactor = reactor
        self._end = end
        self._about = about
        self._reload = reload
        self._environment = environment
        self._wall_clock = wall_clock
        self._since = 0.0
        self._stopping_at: float | None = None
        self._listener: ControlListener | None = None
        self._factory = ControlFactory(self, reactor)

    def startService(self) -> None:
        super().startService()
        self._since = self._wall_clock()
        file = self._file()
        if file is None:
            return
        self._listener = ControlListener(file, self._factory, self._reactor)
        self._listener.start()
        self._reactor.addSystemEventTrigger("during", "shutdown", self.close)

    def close(self) -> None:
        """Close the socket.  Connections of those who wait for the end are left: the end of the process closes them."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stop()

    def _file(self) -> SocketFile | None:
        """Return the socket in the first directory that has room for it."""
        faults = []
        for directory in socket_directories(self._environment):
            try:
                return listen(directory, os.getpid())
            except (PlaceError, OSError) as error:
                faults.append(str(error))
        reason = "; ".join(faults) or "there is neither a runtime directory nor a home directory"
        _log.warn("sellia status and sellia stop cannot reach this client: {reason}", reason=field(reason))
        return None

    # --- Commands ------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        return status_of(self._client, self._about, self._since, self._wall_clock())

    def stop(self, tunnel: str | None, now: bool) -> None:
        if tunnel is not None and not self._only(tunnel):
            self._client.close_tunnel(tunnel, now=now)
            return
        if self._stopping_at is None:
            self._stopping_at = self._reactor.seconds()
        self._end(now)

    def left(self, tunnel: str | None) -> dict[str, Any] | None:
        client = self._client
        if tunnel is not None and self._stopping_at is None:
            left = client.session.tunnels.left_in(tunnel)
            return None if left is None else self._counts(left)
        return self._counts(client.under_way())

    def reload(self) -> dict[str, Any]:
        if self._reload is None:
            raise ControlError("no-reload", "This client has no settings that it could read again.")
        return self._reload()

    def inspector(self) -> dict[str, Any]:
        if self._inspector is None:
            raise ControlError("no-inspector", "This client runs without an inspector.")
        return {"url": self._inspector.url, "address": self._inspector.address, "token": self._inspector.token}

    def why(self, id: str | None) -> dict[str, Any]:
        book = book_of(self._reactor)
        cause = book.last() if id is None else book.find(id)
        if cause is None:
            raise ControlError("unknown-cause", "This client knows no such cause, or has forgotten it.")
        return cause.as_json()

    def _only(self, name: str) -> bool:
        """Return whether a tunnel is the only one of the client.  Raises ControlError if it is none of them."""
        tunnels = list(self._client.session.tunnels)
        if not any(name in (tunnel.settings.name, tunnel.name) for tunnel in tunnels):
            raise ControlError("unknown-tunnel", f"This client has no tunnel {printable(name, 64)}.")
        return len(tunnels) == 1

    def _counts(self, left: UnderWay) -> dict[str, Any]:
        return {**counts(left), "within": self._client.settings.drain_timeout}
