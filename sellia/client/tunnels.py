"""Tunnels of one client: what was asked for, what the server gave, and when to ask again.

A tunnel is asked for in each new session, and again in the same one in two cases.  Where the server refused it and
asking again can help, after ``NAME_RETRY`` seconds.  Where the server took its name for another client of the same
owner (``close-tunnel`` with ``name-taken``, ``docs/protocol.rst`` 2.8), after the same time, which doubles with each
refusal up to ``TAKEN_RETRY_LIMIT``: the other client may leave, and two that want one name must not compete for it
every two seconds.

A tunnel that is refused for good is not asked for again; when all are, the client ends.
"""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from sellia.client.events import Connected, Event, Problem, Refused
from sellia.client.local.routes import Routes
from sellia.client.settings import TunnelSettings, shown_routes
from sellia.errors import ProtocolError, RefusedError
from sellia.problems import FORBIDDEN, NAME_TAKEN
from sellia.protocol.messages import (
    ACCESS,
    CloseTunnel,
    OpenTunnel,
    SessionMessage,
    TunnelKind,
    TunnelReady,
    TunnelRefused,
)
from sellia.relay.limits.websocket import FrameLimits
from sellia.text import field, printable
from sellia.transports.reactor.waiting import cancel

#: Seconds until a tunnel that was refused is asked for again.
NAME_RETRY: Final = 2.0

#: Seconds at most until a tunnel whose name another client has taken is asked for again.
TAKEN_RETRY_LIMIT: Final = 60.0

#: Characters of a tunnel's name (a DNS label), and of its URL.
_NAME_LIMIT: Final = 63
_URL_LIMIT: Final = 1024

_TOO_OLD: Final = (
    "This server is too old to keep out visitors by address, so the tunnel is not opened. Have it updated, or take "
    "allow and deny out."
)

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

    __slots__ = ("delay", "kind", "name", "number", "retry", "routes", "settings", "state", "taken", "url")

    def __init__(self, number: int, settings: TunnelSettings, routes: Routes) -> None:
        self.number = number
        self.settings = settings
        self.routes = routes
        self.kind = TunnelKind(settings.kind)
        for service in routes:
            service.proxy_protocol = settings.proxy_protocol or 0
        self.state = TunnelState.CLOSED
        #: The name that it got, which it asks for again.
        self.name: str | None = None
        self.url = ""
        #: Whether another client has taken the name.
        self.taken = False
        #: Seconds until it is asked for again, should it be refused.
        self.delay = NAME_RETRY
        self.retry: IDelayedCall | None = None

    def cancel_retry(self) -> None:
        """Stop the timer after which it is asked for again, if it runs."""
        retry, self.retry = self.retry, None
        cancel(retry)


class TunnelsOwner(Protocol):
    """Interface of the tunnels' owner, the client's session."""

    def say(self, message: SessionMessage) -> None:
        """Say something in the present session, if there is one."""

    def report(self, event: Event) -> None:
        """Tell the listener."""

    def all_refused(self, error: RefusedError) -> None:
        """End the client: the server has refused the last of its tunnels for good."""


class Tunnels:
    """All tunnels of one client, by number."""

    def __init__(
        self, settings: Sequence[TunnelSettings], routes: Sequence[Routes], owner: TunnelsOwner, clock: Any
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._stopping = False
        #: Whether the server keeps out visitors by address.
        self._keeps_out = False
        #: Every service once.
        self.services = list(dict.fromkeys(service for each in routes for service in each))
        self._tunnels = {
            number: Tunnel(number, tunnel, each)
            for number, (tunnel, each) in enumerate(zip(settings, routes, strict=True), 1)
        }

    def __iter__(self) -> Iterator[Tunnel]:
        return iter(self._tunnels.values())

    def __getitem__(self, number: int) -> Tunnel:
        return self._tunnels[number]

    def get(self, number: int) -> Tunnel | None:
        """Return the tunnel with this number, if there is one."""
        return self._tunnels.get(number)

    # --- for the session -----------------------------------------------------------------------------------

    def open_all(self, capabilities: Sequence[str] = ()) -> None:
        """Ask for all tunnels, because a session is new, except for those that were refused for good.

        ``capabilities`` are the server's: what protects a tunnel is not left to a server that would ignore it.
        """
        self._keeps_out = ACCESS in capabilities
        for tunnel in self:
            if tunnel.state is not TunnelState.REFUSED:
                self._ask(tunnel)

    def forget(self) -> None:
        """Ask for none again in this session, which is over."""
        for tunnel in self:
            tunnel.cancel_retry()

    def stop(self) -> None:
        """Ask for none again, because the client was told to stop."""
        self._stopping = True
        self.forget()

    def take_limits(self, frames: FrameLimits, *, answers_pings: bool) -> None:
        """Apply the server's limits to WebSockets; ``answers_pings``: it allows that while the link is away."""
        for tunnel in self:
            for service in tunnel.routes:
                service.frames = frames
                service.upgrades = tunnel.settings.upgrades
                service.answers_pings = answers_pings and tunnel.settings.while_away_pings

    def compare_timeouts(self, ceiling: float) -> None:
        """Tell the user of each timeout that is longer than the server allows, which is ``ceiling`` seconds."""
        for tunnel in self:
            for setting in ("request_timeout", "upgrade_timeout"):
                wanted = getattr(tunnel.settings, setting)
                if wanted is not None and wanted > ceiling:
                    name = tunnel.settings.subdomain or f"to {shown_routes(tunnel.settings.routes)}"
                    self._owner.report(
                        Problem(
                            f"The tunnel {name} has a {setting} of {wanted:g} s, and this server allows {ceiling:g} s: "
                            "its operator can raise timeouts.request_limit.",
                            tunnel.settings.subdomain or "",
                        )
                    )

    # --- what the server says ------------------------------------------------------------------------------

    def ready(self, ready: TunnelReady) -> None:
        """Take the name and the URL of a tunnel that is public now.  Raises ProtocolError for one that is not ours."""
        tunnel = self._tunnels.get(ready.tunnel)
        if tunnel is None:
            raise ProtocolError("a tunnel is ready that was not asked for")
        if not (_shown(ready.name, _NAME_LIMIT) and _shown(ready.url, _URL_LIMIT)):
            raise ProtocolError("a tunnel is ready under a name that is none")
        tunnel.cancel_retry()
        tunnel.state, tunnel.taken, tunnel.delay = TunnelState.OPEN, False, NAME_RETRY
        tunnel.name, tunnel.url = ready.name, ready.url
        for service in tunnel.routes:
            service.name = ready.name
        leads_to = shown_routes(tunnel.settings.routes)
        self._owner.report(Connected(ready.name, ready.url, leads_to))
        _log.info("tunnel ready: {url} -> {target}", url=printable(ready.url), target=leads_to)

    def refused(self, refused: TunnelRefused) -> None:
        """Ask again later, or never.  Raises ProtocolError for a tunnel that is not ours."""
        tunnel = self._tunnels.get(refused.tunnel)
        if tunnel is None:
            raise ProtocolError("a tunnel was refused that was not asked for")
        message = printable(refused.message)
        again = not refused.final and (tunnel.name is not None or refused.word != NAME_TAKEN.code)
        name = tunnel.name or tunnel.settings.subdomain or ""
        self._owner.report(Refused(printable(refused.word, 64), message, not again, name))
        _log.warn("the server refused a tunnel: {word}: {message}", word=printable(refused.word, 64), message=message)
        if again:
            if tunnel.taken:
                tunnel.delay = min(2.0 * tunnel.delay, TAKEN_RETRY_LIMIT)
            self._ask_later(tunnel)
            return
        tunnel.cancel_retry()
        tunnel.state = TunnelState.REFUSED
        if all(each.state is TunnelState.REFUSED for each in self):
            self._owner.all_refused(RefusedError(refused.word, message))

    def closed(self, closed: CloseTunnel) -> None:
        """Tell the user of a tunnel that is no longer public, and ask again if another client has taken its name."""
        tunnel = self._tunnels.get(closed.tunnel)
        said = printable(closed.message or closed.word)
        if tunnel is None or tunnel.state is not TunnelState.OPEN:
            self._owner.report(Problem(f"The server has closed a tunnel: {said}"))
            return
        name = tunnel.name or "-"
        _log.warn(
            "the server closed a tunnel: name={name} {word}: {message}",
            name=field(name),
            word=printable(closed.word, 64),
            message=said,
        )
        if closed.word != NAME_TAKEN.code:
            tunnel.state = TunnelState.CLOSED
            self._owner.report(Problem(f"The server has closed the tunnel {name}: {said}", name))
            return
        tunnel.taken = True
        self._ask_later(tunnel)
        said = said.rstrip(".")
        self._owner.report(
            Problem(
                f"The server has closed the tunnel {name}: {said}. It is asked for again in {tunnel.delay:g} s.", name
            )
        )

    # --- inside --------------------------------------------------------------------------------------------

    def _ask(self, tunnel: Tunnel) -> None:
        tunnel.cancel_retry()
        tunnel.state = TunnelState.ASKED
        settings = tunnel.settings
        auth = settings.auth.get_secret_value() if settings.auth is not None else None
        wanted = tunnel.name or settings.wanted
        options = settings.options
        if (options.allow or options.deny) and not self._keeps_out:
            self.refused(TunnelRefused(tunnel.number, FORBIDDEN.code, _TOO_OLD))
            return
        self._owner.say(OpenTunnel(tunnel.number, tunnel.kind.value, wanted, auth, options))

    def _ask_later(self, tunnel: Tunnel) -> None:
        tunnel.cancel_retry()
        if self._stopping:
            tunnel.state = TunnelState.CLOSED
            return
        tunnel.state = TunnelState.WAITING
        tunnel.retry = self._clock.callLater(tunnel.delay, self._ask, tunnel)


def _shown(text: str, limit: int) -> bool:
    """Return whether a server may well have said this, which is shown, asked for again, and named in logs."""
    return 0 < len(text) <= limit and text.isascii() and text.isprintable()
