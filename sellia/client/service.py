"""Twisted service of a whole client: built from settings, started and stopped with its parent."""

import os
from collections.abc import Callable
from math import inf
from random import Random, SystemRandom
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from sellia.client.changes import Changes, compare
from sellia.client.events import Event, Listener, Problem, RequestFinished, UnderWay
from sellia.client.local.readiness import Readiness
from sellia.client.local.routes import Routes, routes_of
from sellia.client.persistence import FOR_EVER, Persistence
from sellia.client.proxies import proxies_of
from sellia.client.session import ClientSession
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.errors import SettingsError
from sellia.private_names import require
from sellia.relay.mux.observer import StreamObserver
from sellia.text import field, printable, shown_target
from sellia.transports.reactor.verbosity import verbosity
from sellia.transports.websocket.startup import prepare_autobahn

_log = Logger()


class ClientService(Service):
    """Keeps the tunnels of ``settings`` open.

    ``listener`` is told the events; without ``visits``, not those of requests and connections.  ``observe`` makes the
    observer of each session that begins, which is told all that passes between visitors and services.  Proxies that the
    settings do not name are taken from the environment
    (:mod:`sellia.client.proxies`).
    """

    name = "sellia-client"

    def __init__(
        self,
        settings: ClientSettings,
        reactor: Any,
        listener: Listener | None = None,
        random: Random | None = None,
        observe: Callable[[], StreamObserver] | None = None,
        persistence: Persistence = FOR_EVER,
        visits: bool = True,
    ) -> None:
        self.settings = settings
        require("client")
        self._listener = listener
        self._reactor = reactor
        report = self._notify if listener is not None or settings.log_level == "debug" else None
        self.readiness = Readiness(report)
        self._inspector: Inspecting | None = None
        proxies = proxies_of(settings.proxy.get_secret_value() if settings.proxy is not None else None, os.environ)
        random, visits = random or SystemRandom(), visits or settings.log_level == "debug"
        self.session = ClientSession(
            settings, self._routes_of, report, reactor, random, observe, proxies, persistence, visits
        )

    @property
    def finished(self) -> Deferred[None]:
        """Deferred that fires with None when the client has stopped, or fails with a SelliaError if refused."""
        return self.session.finished

    @property
    def server(self) -> str:
        """URL of the server, as the settings have it."""
        return self.settings.server

    @property
    def round_trip(self) -> float:
        """Seconds of the present link's shortest round trip; infinite without a link, or where it is not known yet."""
        link = self.session.connector.link
        return link.trip if link is not None else inf

    def under_way(self) -> UnderWay:
        """Return what is open."""
        return self.session.under_way()

    def beside(self, inspector: "Inspecting") -> None:
        """Start and stop an inspector with the client."""
        self._inspector = inspector

    def startService(self) -> None:
        verbosity.begin(self.settings.log_level)
        super().startService()
        if self._inspector is not None:
            self._inspector.start()
        prepare_autobahn()
        for caution in self.settings.cautions:
            self._warn(caution)
        self.readiness.look(self.session.tunnels.services)
        self.session.start()

    def stopService(self) -> Deferred[None]:
        """Finish what is under way, for ``drain_timeout`` at most, then say goodbye; at once where nothing is.

        Called again meanwhile, it says goodbye without waiting for anything.
        """
        if not self.running:
            return self.session.stop() if self.session.stopping else succeed(None)
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self.readiness.stop()
        await self.session.finish_up(self.settings.drain_timeout)
        stopped = self.session.stop()
        for service in self.session.tunnels.services:
            service.stop()
        verbosity.end(self.settings.log_level)
        await stopped
        closed = self._inspector.stop() if self._inspector is not None else None
        if closed is not None:
            await closed

    # --- while it runs -------------------------------------------------------------------------------------

    def take(self, settings: ClientSettings) -> Changes:
        """Take other settings while the client runs: only the tunnels that differ are opened, closed or altered.

        Raises SettingsError, and changes nothing, where that is not possible.
        """
        if self.session.stopping:
            raise SettingsError("the client is about to end", "Start it anew with the settings that are wanted.")
        settings, changes = compare(self.settings, settings)
        before, self.settings = self.settings, settings
        try:
            changes.add(self.session.take(settings, rebuild=changes.rebuild))
        except SettingsError:
            self.settings = before
            raise
        for caution in settings.cautions:
            if caution not in before.cautions:
                self._warn(caution)
        self.readiness.look(self.session.tunnels.services)
        _log.info("settings read again: {changes}", changes=str(changes))
        return changes

    def close_tunnel(self, name: str, *, now: bool = False) -> bool:
        """Close one tunnel, by its name; return whether there was one.  ``now``: what is open in it is reset."""
        tunnel = self.session.tunnels.find(name)
        if tunnel is not None:
            self.session.tunnels.close(tunnel, 0.0 if now else self.settings.drain_timeout)
        return tunnel is not None

    def _routes_of(self, tunnel: TunnelSettings) -> Routes:
        """Return the routes of a tunnel, with services of its own."""
        return routes_of(self._reactor, tunnel.routes, self.settings.service_connect_timeout)

    def _warn(self, caution: str) -> None:
        _log.warn("{caution}", caution=caution)
        if self._listener is not None:
            self._notify(Problem(caution))

    def _notify(self, event: Event) -> None:
        if verbosity.debug and isinstance(event, RequestFinished):
            _log.debug(
                "request: id={id} method={method} target={target} status={status} bytes_in={bytes_in} "
                "bytes_out={bytes_out} seconds={seconds:.3f} error={error}",
                id=event.id,
                method=field(printable(event.method, 32)),
                target=field(shown_target(event.target)),
                status="-" if event.status is None else event.status,
                bytes_in=event.bytes_in,
                bytes_out=event.bytes_out,
                seconds=event.seconds,
                error=field(event.error or ""),
            )
        if self._listener is None:
            return
        try:
            self._listener.notify(event)
        except Exception:
            _log.failure("a listener raised")


class Inspecting(Listener, Protocol):
    """An inspector, which starts and stops with its client."""

    def observe(self) -> StreamObserver:
        """Return what is told of all that passes in a session that begins."""

    def attach(self, client: Any) -> None:
        """Show this client."""

    def start(self) -> None:
        """Answer from now on."""

    def stop(self) -> Any:
        """End; return a Deferred, or None."""


class _Both:
    """Listener that tells two."""

    def __init__(self, first: Listener, second: Listener | None) -> None:
        self._first = first
        self._second = second

    def notify(self, event: Event) -> None:
        self._first.notify(event)
        if self._second is not None:
            self._second.notify(event)


def make_service(
    settings: ClientSettings,
    reactor: Any,
    listener: Listener | None = None,
    persistence: Persistence = FOR_EVER,
    inspector: Inspecting | None = None,
) -> ClientService:
    """Return the service that ``twistd sellia-client`` and ``sellia http`` run, with its inspector, if it has one."""
    if inspector is None:
        return ClientService(settings, reactor, listener, persistence=persistence)
    both, visits = _Both(inspector, listener), listener is not None  # the inspector has its observer for them
    service = ClientService(settings, reactor, both, None, inspector.observe, persistence, visits)
    inspector.attach(service)
    service.beside(inspector)
    return service
