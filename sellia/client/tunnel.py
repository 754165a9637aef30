"""One tunnel of a client, and what the owner of all of them is asked."""

from enum import Enum
from typing import Final, Protocol

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from sellia.client.events import Event, Problem
from sellia.client.local.health import HealthCheck
from sellia.client.local.routes import Routes
from sellia.client.settings import TunnelSettings
from sellia.errors import RefusedError
from sellia.protocol.messages import OpenTunnel, ServiceHealth, SessionMessage, TunnelKind
from sellia.relay.mux.session import Session
from sellia.text import field
from sellia.transports.reactor.waiting import cancel

#: Seconds until a tunnel that was refused is asked for again.
NAME_RETRY: Final = 2.0

_log = Logger()


class TunnelState(Enum):
    """State of a tunnel in the present session."""

    CLOSED = "closed"  #: not asked for, or closed by the server
    ASKED = "asked"  #: the server has not answered
    OPEN = "open"  #: public
    WAITING = "waiting"  #: asked for again in a while
    REFUSED = "refused"  #: refused for good, also in later sessions


class Tunnel:
    """One tunnel.  ``number`` names it in the session, ``kind`` says which streams it has."""

    __slots__ = (
        "__weakref__",
        "_check",
        "_fault",
        "delay",
        "kind",
        "more",
        "name",
        "number",
        "retry",
        "routes",
        "settings",
        "state",
        "taken",
        "url",
    )

    settings: TunnelSettings
    routes: Routes
    kind: TunnelKind

    def __init__(self, number: int, settings: TunnelSettings, routes: Routes) -> None:
        self.number = number
        self.take(settings, routes)
        self.state = TunnelState.CLOSED
        #: The name that it got, which it asks for again.
        self.name: str | None = None
        self.url = ""
        #: URLs of its further names.
        self.more: tuple[str, ...] = ()
        #: Whether another client has taken the name.
        self.taken = False
        #: Seconds until it is asked for again, should it be refused.
        self.delay = NAME_RETRY
        self.retry: IDelayedCall | None = None
        self._check: HealthCheck | None = None
        #: What the server has been told to be wrong with its service.
        self._fault = ""

    def take(self, settings: TunnelSettings, routes: Routes) -> None:
        """Have these settings from now on, and lead to the services of ``routes``."""
        self.settings = settings
        self.routes = routes
        self.kind = TunnelKind(settings.kind)
        for service in routes:
            service.proxy_protocol = settings.proxy_protocol or 0
            service.terminator = None
            if settings.cert is not None and settings.key is not None:
                from sellia.client.local.terminator import Terminator

                service.terminator = Terminator(service.clock, settings.cert, settings.key)
            service.upgrades = settings.upgrades

    def cancel_retry(self) -> None:
        """Stop the timer after which it is asked for again, if it runs, and the health check: it is not open."""
        retry, self.retry = self.retry, None
        cancel(retry)
        self._stop_check()
        self._fault = ""

    def watch(self, owner: "TunnelsOwner") -> None:
        """Check the health of its service from now on, if its settings say so, and tell the server of changes."""
        self._stop_check()
        path = self.settings.health

        def told(fault: str) -> None:
            self._tell_health(owner, fault)

        if path is None:
            told("")
            return
        found = self.routes.find(path.encode("ascii"))
        if found is None:
            told(f"No path of this tunnel leads to {path}.")
            return
        self._check = HealthCheck(*found, told, self._fault)
        self._check.start()

    def _tell_health(self, owner: "TunnelsOwner", fault: str) -> None:
        before, self._fault = self._fault, fault
        if bool(before) == bool(fault):
            return
        owner.say(ServiceHealth(self.number, not fault, fault))
        name = self.name or "-"
        if fault:
            owner.report(
                Problem(f"{fault} Visitors of {name} go to other clients of its pool until that changes.", name)
            )
        else:
            told = f"The service of {name} passes its health check again."
            owner.report(Problem(told, name, caution=True))
        _log.info("health of a service: name={name} fault={fault}", name=field(name), fault=field(fault or "-"))

    def _stop_check(self) -> None:
        check, self._check = self._check, None
        if check is not None:
            check.stop()

    @property
    def names(self) -> list[str]:
        """What it is called: in the settings, and in public."""
        return [name for name in (self.settings.name, self.name or self.settings.wanted) if name]

    def claim(self) -> OpenTunnel:
        """Return what the server is asked for."""
        settings = self.settings
        auth = settings.logins[0] if settings.logins else None
        only_domains = bool(settings.domain) and settings.wanted is None
        name = None if only_domains else self.name or settings.wanted
        return OpenTunnel(self.number, self.kind.value, name, auth, settings.options)


class TunnelsOwner(Protocol):
    """Interface of the tunnels' owner, the client's session."""

    #: The present session, if there is one.
    session: Session | None

    def say(self, message: SessionMessage) -> None:
        """Say something in the present session, if there is one."""

    def report(self, event: Event) -> None:
        """Tell the listener."""

    def all_refused(self, error: RefusedError) -> None:
        """End the client: the server has refused the last of its tunnels for good."""
