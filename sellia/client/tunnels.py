"""Tunnels of one client: what was asked for, what the server gave, and when to ask again.

A tunnel is asked for in each new session, and again in the same one in two cases.  Where the server refused it and
asking again can help, after ``NAME_RETRY`` seconds.  Where the server took its name for another client of the same
owner (``close-tunnel`` with ``name-taken``, ``docs/protocol.rst`` 2.8), after the same time, which doubles with each
refusal up to ``TAKEN_RETRY_LIMIT``: the other client may leave, and two that want one name must not compete for it
every two seconds.

A tunnel that is refused for good is not asked for again, until the settings are read again; when all are refused, the
client ends.

While the client runs, tunnels may be opened, closed and altered (`Tunnels.apply`).  One of which only the services
differ is altered here, and neither server nor visitors notice.  One that the server was told otherwise is closed and
opened anew under its name in one breath, so that nobody else can have the name in between.  Each has a new number then:
numbers are never used again, so what the server says of an old one is known to be late.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from twisted.logger import Logger

from sellia.client.changes import Changes, differ, keyed
from sellia.client.events import Connected, Problem, Refused, TunnelClosed, UnderWay
from sellia.client.local.routes import Routes
from sellia.client.local.service import LocalService
from sellia.client.protection import too_old
from sellia.client.retired import LATE, Retired, RetiredServices
from sellia.client.settings import TunnelSettings, shown_routes
from sellia.client.tunnel import NAME_RETRY, Tunnel, TunnelsOwner, TunnelState
from sellia.errors import ProtocolError, RefusedError
from sellia.problems import FORBIDDEN, NAME_TAKEN, problem_of
from sellia.protocol.messages import CloseTunnel, TunnelReady, TunnelRefused
from sellia.relay.limits.websocket import FrameLimits
from sellia.relay.mux.stream import Stream
from sellia.text import field, printable
from sellia.transports.reactor.causes import tell_cause
from sellia.why.cause import cause_id
from sellia.why.link import opening_cause

#: Seconds at most until a tunnel whose name another client has taken is asked for again.
TAKEN_RETRY_LIMIT: Final = 60.0

#: Characters of a tunnel's name (a domain name at most), and of its URL.
_NAME_LIMIT: Final = 253
_URL_LIMIT: Final = 1024

#: Most URLs of a tunnel.
URLS: Final = 32

_log = Logger()


class Tunnels:
    """All tunnels of one client, by number.  ``routes_of`` makes the routes of one, with services of its own."""

    def __init__(
        self,
        settings: Sequence[TunnelSettings],
        routes_of: Callable[[TunnelSettings], Routes],
        owner: TunnelsOwner,
        clock: Any,
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._routes_of = routes_of
        self._stopping = False
        #: Capabilities of the server.
        self._capabilities: frozenset[str] = frozenset()
        self._tunnels = {number: Tunnel(number, tunnel, routes_of(tunnel)) for number, tunnel in enumerate(settings, 1)}
        self._next = len(self._tunnels) + 1
        self._retired = RetiredServices(clock, self._streams)
        #: Tunnels whose number was given up, what of theirs is retired, and until when their streams are served.
        self._late: dict[int, tuple[Tunnel, Retired | None, float]] = {}
        self._limits: tuple[FrameLimits, bool] | None = None
        #: Every service once, those that are retired as well.
        self.services: list[LocalService] = []
        self._list_services()

    def __iter__(self) -> Iterator[Tunnel]:
        return iter(self._tunnels.values())

    def __getitem__(self, number: int) -> Tunnel:
        return self._tunnels[number]

    def __len__(self) -> int:
        return len(self._tunnels)

    def get(self, number: int) -> Tunnel | None:
        """Return the tunnel with this number, if there is one."""
        return self._tunnels.get(number)

    def find(self, name: str) -> Tunnel | None:
        """Return the tunnel that is called so, in the settings or in public."""
        return next((tunnel for tunnel in self if name in tunnel.names), None)

    def gone(self, number: int, stream: int) -> Tunnel | None:
        """Return the tunnel that gave up this number a moment ago, which still serves a stream; else None.

        Raises ProtocolError for a number that was never asked for.
        """
        if not 0 < number < self._next:
            raise ProtocolError("a stream was opened for a tunnel that this client does not have")
        tunnel, retired, until = self._late.get(number, (None, None, 0.0))
        if tunnel is None or self._clock.seconds() >= until:
            return None
        if retired is not None:
            retired.streams.add(stream)
        return tunnel

    # --- for the session -----------------------------------------------------------------------------------

    def open_all(self, capabilities: Sequence[str] = ()) -> None:
        """Ask for all tunnels, because a session is new, except for those that were refused for good.

        ``capabilities`` are the server's: what protects a tunnel is not left to a server that would ignore it.
        """
        self._capabilities = frozenset(capabilities)
        for tunnel in self:
            if tunnel.state is not TunnelState.REFUSED:
                self._ask(tunnel)

    def forget(self) -> None:
        """Ask for none again in this session, which is over."""
        for tunnel in self:
            tunnel.cancel_retry()
        self._late.clear()

    def stop(self) -> None:
        """Ask for none again, because the client was told to stop."""
        self._stopping = True
        self.forget()

    def take_limits(self, frames: FrameLimits, *, answers_pings: bool) -> None:
        """Apply the server's limits to WebSockets; ``answers_pings``: it allows that while the link is away."""
        self._limits = frames, answers_pings
        for tunnel in self:
            self._limit(tunnel)

    def _limit(self, tunnel: Tunnel) -> None:
        if self._limits is not None:
            for service in tunnel.routes:
                service.frames = self._limits[0]
                service.answers_pings = self._limits[1] and tunnel.settings.while_away_pings

    def compare_timeouts(self, ceiling: float, keys: Iterable[str] | None = None) -> None:
        """Tell the user of each timeout that is longer than the server allows, which is ``ceiling`` seconds.

        ``keys``: of these tunnels only.
        """
        if not ceiling:
            return
        by_key = keyed([tunnel.settings for tunnel in self])
        meant = set(by_key if keys is None else keys)
        for tunnel, key in zip(self, by_key, strict=True):
            if key not in meant:
                continue
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

    # --- while the client runs -----------------------------------------------------------------------------

    def apply(self, wanted: Sequence[TunnelSettings], within: float, *, rebuild: bool = False) -> Changes:
        """Open, close and alter tunnels, so that there are those that are ``wanted``; others do not notice.

        Requests of tunnels that are closed may end ``within`` so many seconds.  One that was refused is asked for
        again.  ``rebuild`` makes all services anew, because of settings that all of them share.
        """
        by_key = keyed(wanted)
        present = dict(zip(keyed([tunnel.settings for tunnel in self]), self, strict=True))
        routes = {  # before anything changes, because what fails here fails for all
            key: self._routes_of(settings)
            for key, settings in by_key.items()
            if key not in present or rebuild or differ(present[key].settings, settings)
        }
        changes = Changes()
        opened = []
        for key, tunnel in present.items():
            if key not in by_key:
                self.close(tunnel, within)
                changes.closed.append(key)
            elif key in routes:
                again = self._alter(tunnel, by_key[key], routes[key])
                opened += [again] if again is not None else []
                changes.altered.append(key)
            elif tunnel.state in (TunnelState.CLOSED, TunnelState.REFUSED):
                opened.append(tunnel)
                changes.opened.append(key)
        for key, settings in by_key.items():
            if key not in present:
                opened.append(self._add(settings, routes[key]))
                changes.opened.append(key)
        self._order(by_key)
        self._list_services()
        for tunnel in opened:
            self._open(tunnel)
        return changes

    def close(self, tunnel: Tunnel, within: float) -> None:
        """Close a tunnel: it takes nobody new, and what is open in it is over ``within`` so many seconds."""
        self._give_up(tunnel)
        retired = self._retired.add(tunnel.routes, tunnel.number, tunnel.names, within)
        self._late[tunnel.number] = tunnel, retired, self._clock.seconds() + LATE
        self._list_services()
        name = tunnel.name or tunnel.settings.wanted or tunnel.settings.name
        _log.info("tunnel closed: name={name}", name=field(name))
        self._owner.report(TunnelClosed(name, tunnel.url))

    def left_in(self, name: str) -> UnderWay | None:
        """Return what is open in a tunnel that was closed; None when it is over."""
        left = self._retired.left_in(name)
        self._list_services()
        return left

    def sweep(self) -> None:
        """Let go of what is left of closed tunnels, and look at open WebSockets, once a second."""
        for service in self.services:
            service.look()
        if len(self._retired):
            self._retired.sweep()
            self._list_services()
        if self._late:
            now = self._clock.seconds()
            self._late = {number: late for number, late in self._late.items() if late[2] > now}

    def _alter(self, tunnel: Tunnel, settings: TunnelSettings, routes: Routes) -> Tunnel | None:
        """Take other settings for a tunnel; return it if it has to be opened anew."""
        before, old_routes = tunnel.claim(), tunnel.routes
        if (settings.wanted, settings.domain) != (tunnel.settings.wanted, tunnel.settings.domain):
            tunnel.name = None
        tunnel.take(settings, routes)
        self._limit(tunnel)
        self._retired.add(old_routes, tunnel.number)
        if tunnel.state is TunnelState.OPEN and tunnel.claim() == before:
            self._tell_open(tunnel)
            return None
        number = tunnel.number
        self._give_up(tunnel)
        self._late[number] = tunnel, None, self._clock.seconds() + LATE
        tunnel.number, self._next = self._next, self._next + 1
        self._tunnels[tunnel.number] = tunnel
        return tunnel

    def _add(self, settings: TunnelSettings, routes: Routes) -> Tunnel:
        tunnel = Tunnel(self._next, settings, routes)
        self._next += 1
        self._tunnels[tunnel.number] = tunnel
        self._limit(tunnel)
        return tunnel

    def _open(self, tunnel: Tunnel) -> None:
        tunnel.taken, tunnel.delay = False, NAME_RETRY
        if self._owner.session is not None:
            self._ask(tunnel)
        else:
            tunnel.state = TunnelState.CLOSED  # it is asked for when there is a session

    def _give_up(self, tunnel: Tunnel) -> None:
        """Give up the number of a tunnel: the server is told, if it may know of it."""
        tunnel.cancel_retry()
        del self._tunnels[tunnel.number]
        if tunnel.state in (TunnelState.ASKED, TunnelState.OPEN):
            self._owner.say(CloseTunnel(tunnel.number))
        tunnel.state = TunnelState.CLOSED

    def _order(self, keys: Iterable[str]) -> None:
        """Bring the tunnels into the order of the settings."""
        by_key = dict(zip(keyed([tunnel.settings for tunnel in self]), self, strict=True))
        self._tunnels = {by_key[key].number: by_key[key] for key in keys}

    def _list_services(self) -> None:
        present = [service for tunnel in self for service in tunnel.routes]
        self.services = list(dict.fromkeys([*present, *self._retired.services]))

    # --- what the server says ------------------------------------------------------------------------------

    def ready(self, ready: TunnelReady) -> None:
        """Take the name and the URL of a tunnel that is public now.  Raises ProtocolError for one that is not ours."""
        tunnel = self._tunnels.get(ready.tunnel)
        if tunnel is None and self._was_ours(ready.tunnel):
            self._owner.say(CloseTunnel(ready.tunnel))  # it was closed before the server had answered
            return
        if tunnel is None:
            raise ProtocolError("a tunnel is ready that was not asked for")
        urls = (ready.url, *ready.more)
        if not (
            _shown(ready.name, _NAME_LIMIT) and len(urls) <= URLS and all(_shown(each, _URL_LIMIT) for each in urls)
        ):
            raise ProtocolError("a tunnel is ready under a name that is none")
        tunnel.cancel_retry()
        tunnel.state, tunnel.taken, tunnel.delay = TunnelState.OPEN, False, NAME_RETRY
        tunnel.name, tunnel.url, tunnel.more = ready.name, ready.url, tuple(ready.more)
        self._tell_open(tunnel)

    def _tell_open(self, tunnel: Tunnel) -> None:
        name = tunnel.name or "-"
        scheme = b"https" if tunnel.url.startswith("https:") else b"http"
        for service in tunnel.routes:
            service.name, service.public_scheme = name, scheme
        leads_to = shown_routes(tunnel.settings.routes)
        self._owner.report(Connected(name, tunnel.url, leads_to, tunnel.more))
        tunnel.watch(self._owner)
        _log.info("tunnel ready: {url} -> {target}", url=printable(tunnel.url), target=leads_to)

    def refused(self, refused: TunnelRefused) -> None:
        """Ask again later, or never.  Raises ProtocolError for a tunnel that is not ours."""
        tunnel = self._tunnels.get(refused.tunnel)
        if tunnel is None and self._was_ours(refused.tunnel):
            return
        if tunnel is None:
            raise ProtocolError("a tunnel was refused that was not asked for")
        message = printable(refused.message)
        again = not refused.final and (tunnel.name is not None or refused.word != NAME_TAKEN.code)
        name = tunnel.name or tunnel.settings.subdomain or "".join(tunnel.settings.domain[:1])
        session = self._owner.session
        id = cause_id(session.name if session is not None else "", refused.tunnel, "t")
        cause = opening_cause(id, problem_of(refused.word), message, name=name)
        tell_cause(self._clock, cause, name)
        self._owner.report(Refused(printable(refused.word, 64), message, not again, name, cause=cause))
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
        if tunnel is None and self._was_ours(closed.tunnel):
            return
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
            tunnel.cancel_retry()
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

    def _streams(self) -> dict[int, Stream]:
        session = self._owner.session
        return session.streams if session is not None else {}

    def _was_ours(self, number: int) -> bool:
        return 0 < number < self._next

    def _ask(self, tunnel: Tunnel) -> None:
        tunnel.cancel_retry()
        tunnel.state = TunnelState.ASKED
        lacking = too_old(tunnel.settings.options, self._capabilities, tunnel.settings.subdomain)
        if lacking:
            self.refused(TunnelRefused(tunnel.number, FORBIDDEN.code, lacking))
            return
        self._owner.say(tunnel.claim())

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
