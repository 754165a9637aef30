"""Requests of clients to open and close tunnels, which claim names and give them up.

A name is never taken by its own owner's ghost.  When the session that has a name belongs to whoever asks for it, and
its link seems to be alive, that link is pinged first: a client that was killed, or whose network is gone, leaves links
behind that nobody has noticed to be dead.  If nothing at all comes within ``GHOST_TRIPS`` times its shortest round
trip, which is ``GHOST_LEAST`` seconds at least and ``GHOST_MOST`` at most, the new session gets the name; if something
does, there are two clients, and the name is taken.

Only the name changes hands then: a client that was busy keeps its session, its other names and what is under way.  A
session that has no name left and says nothing for ``GHOST_DEAD`` more seconds ends.
"""

from math import isfinite
from random import Random
from typing import Final, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.errors import ProblemError, ProtocolError
from sellia.problems import (
    DNS_UNAVAILABLE,
    INTERNAL,
    NAME_TAKEN,
    OVERLOADED,
    RATE_LIMITED,
    SERVER_DRAINING,
    TOO_MANY_TUNNELS,
)
from sellia.protocol.messages import CloseTunnel, GoAway, OpenTunnel, TunnelKind, TunnelReady, TunnelRefused
from sellia.relay.passwords import without_secrets
from sellia.relay.ports import shown_name
from sellia.relay.registry import Claim, Tunnel, TunnelRegistry
from sellia.server.gateway.claim_checks import PER_CLIENT, PORTS, Asked, ClaimChecks
from sellia.server.gateway.control import DomainControl
from sellia.server.gateway.kinds import Ports
from sellia.server.gateway.policy import Journal, Policy
from sellia.server.gateway.pool import Pool
from sellia.server.gateway.pools import Holder, Pools
from sellia.server.gateway.sessions import ServerSession
from sellia.server.gateway.states import SessionEvent, SessionState
from sellia.server.limiter import Limiter
from sellia.server.settings import ServerSettings
from sellia.text import field, printable
from sellia.transports.link.keeper import Link
from sellia.transports.reactor.causes import tell_cause
from sellia.transports.reactor.lines import line
from sellia.transports.reactor.waiting import wait_for
from sellia.why.cause import cause_id
from sellia.why.link import opening_cause

#: How long the link of a name's holder has to answer a ping: 20 round trips, but at least 1 s and at most 3 s, polled
#: every 50 ms.
GHOST_TRIPS: Final = 20
GHOST_LEAST: Final = 1.0
GHOST_MOST: Final = 3.0
GHOST_STEP: Final = 0.05

#: Seconds for a session that has lost its last name that way to show that it lives.
GHOST_DEAD: Final = 3.0

_TAKEN_OVER: Final = "another client of the same owner asked for its name, and this one did not answer in time"
_RESTARTED: Final = "its client was started again"

#: Problems after which the same claim may be granted later.
_PASSING: Final = frozenset((NAME_TAKEN, OVERLOADED, INTERNAL, SERVER_DRAINING, RATE_LIMITED, DNS_UNAVAILABLE))

#: Names of the limits that refusals stand for, by problem.
_LIMITS: Final = {OVERLOADED: "tunnels", TOO_MANY_TUNNELS: "tunnels_per_owner", RATE_LIMITED: "tunnel_rate"}
_BY_DETAIL: Final = {PER_CLIENT: "tunnels_per_client", PORTS: "ports_per_owner"}

_log = Logger()


class TunnelKeeper(Protocol):
    """The gateway, as requests for tunnels use it."""

    settings: ServerSettings
    registry: TunnelRegistry[Holder]
    pools: Pools
    clock: IReactorTime
    random: Random
    guard: Limiter
    ports: Ports
    domains: DomainControl
    public_port: int
    policy: Policy
    journal: Journal
    draining: bool

    def end(self, session: ServerSession, event: SessionEvent, why: str, message: str = "") -> None:
        """End a session because of ``event``."""


class TunnelRequests:
    """Acts on the requests for tunnels of all sessions of a gateway."""

    def __init__(self, keeper: TunnelKeeper) -> None:
        self._keeper = keeper
        self._checks = ClaimChecks(keeper)

    def open(self, session: ServerSession, wanted: OpenTunnel) -> None:
        """Claim a name for a client and answer it, at once or after a look at the link of the name's holder."""
        mine = self._keeper.registry.tunnels_of(session)
        taken = wanted.tunnel in session.claiming or wanted.tunnel in session.pools
        if taken or any(tunnel.tunnel_id == wanted.tunnel for tunnel in mine):
            raise ProtocolError("a tunnel was opened twice")
        options = wanted.options
        times = options.request_timeout, options.upgrade_timeout, options.idle_timeout
        if not all(isfinite(each) and each >= 0 for each in times):
            raise ProtocolError("a timeout of a tunnel is not a number of seconds")
        self._claim(session, wanted, self._count(session))

    def close(self, session: ServerSession, message: CloseTunnel) -> None:
        """Release a client's name.  Its open streams go on."""
        session.claiming.discard(message.tunnel)
        keeper = self._keeper
        label = session.pools.get(message.tunnel)
        if label is not None:
            keeper.pools.leave(session, message.tunnel)
            self._closed(session, label)
        for tunnel in keeper.registry.tunnels_of(session):
            if tunnel.tunnel_id == message.tunnel:
                keeper.registry.release(tunnel, keeper.clock.seconds())
                self._closed(session, tunnel.label)

    def leave(self, session: ServerSession, message: GoAway) -> None:
        """Hold the names of a client that will soon stop for its owner; visitors are refused meanwhile."""
        keeper = self._keeper
        session.claiming.clear()
        now = keeper.clock.seconds()
        pooled = list(session.pools.values())
        released = keeper.registry.release_all(session, now, held=True)
        released += keeper.pools.leave_all(session, held=True)
        session.left = [left for left in session.left if keeper.registry.is_held(left[0], now)]
        session.left += [(name, tunnel.owner) for tunnel in released for name in tunnel.names]
        for label in dict.fromkeys([*(tunnel.label for tunnel in released), *pooled]):
            keeper.journal.tunnel_closed(session, label)
        if session.state is SessionState.LEAVING and not released:
            return
        session.move(SessionEvent.GO_AWAY)
        end = line(keeper.clock, "client stops")
        if end is not None:
            _log.info(
                "client stops: session={session} tunnels={tunnels} streams={streams} within={seconds:g}s{end}",
                session=field(session.name),
                tunnels=field(",".join(tunnel.label for tunnel in released)),
                streams=len(session.mux.streams),
                seconds=message.seconds,
                end=end,
            )

    def _closed(self, session: ServerSession, label: str) -> None:
        self._keeper.journal.tunnel_closed(session, label)
        end = line(self._keeper.clock, "tunnel closed")
        if end is not None:
            _log.info(
                "tunnel closed: name={name} session={session}{end}",
                name=field(label),
                session=field(session.name),
                end=end,
            )

    # --- inside --------------------------------------------------------------------------------------------

    def _claim(
        self, session: ServerSession, wanted: OpenTunnel, count: int, *, proven: bool = False, sure: bool = False
    ) -> None:
        """Check a claim and grant or refuse it.

        ``proven`` once the records of its domains have been looked at, ``sure`` once the holder of the name has been.
        """
        claim = Asked(session, wanted, count, self._keeper.clock.seconds())
        try:
            self._checks.run(claim, again=proven or sure)
            missing = self._keeper.domains.missing(session.owner, claim.names)
            if missing and not proven:
                self._prove(session, wanted, missing)
                return
            pool = self._keeper.pools.find(session, claim.label, wanted, claim.auth)
            if pool is not None:
                self._join(session, wanted, claim, pool)
                return
            rivals = (self._rival(session, name) for name in claim.names)
            rival = None if sure else next((each for each in rivals if each is not None), None)
            if rival is not None:
                self._doubt(session, wanted, *rival)
                return
            granted = self._bind(claim)
        except ProblemError as error:
            self._keeper.ports.settle(claim.label)
            self._refuse(session, wanted, error)
            return
        self._keeper.domains.watch(session.owner, claim.names)
        for displaced in granted.displaced:
            self._lost_name(displaced)
        if wanted.options.pool:
            self._join(session, wanted, claim, granted.tunnel)
        else:
            if session.link is None:
                self._keeper.registry.away(session)  # it was lost while its claim was in doubt
            self._tell_open(session, wanted, claim)

    def _prove(self, session: ServerSession, wanted: OpenTunnel, domains: list[str]) -> None:
        """Have the DNS asked whose domains are, and go on with the claim then."""
        session.claiming.add(wanted.tunnel)

        def proven(_: object) -> None:
            if self._is_claiming(session, wanted):
                self._claim(session, wanted, self._count(session), proven=True)

        def refused(failure: Failure) -> None:
            if not isinstance(failure.value, ProblemError):
                failure.raiseException()
            elif self._is_claiming(session, wanted):
                self._refuse(session, wanted, failure.value)

        looked = self._keeper.domains.prove(session.owner, domains)
        looked.addCallbacks(proven, refused)
        looked.addErrback(lambda failure: _log.failure("a domain could not be looked at", failure=failure))

    def _is_claiming(self, session: ServerSession, wanted: OpenTunnel) -> bool:
        """Return whether a claim is still undecided, and take it for decided now."""
        if wanted.tunnel not in session.claiming or session.mux.closed:
            return False
        session.claiming.discard(wanted.tunnel)
        return True

    def withdraw(self, label: str, error: ProblemError) -> None:
        """End the tunnel of a label that its owner may not have any more, and tell its clients."""
        keeper = self._keeper
        tunnel = keeper.registry.by_name.get(label)
        if tunnel is None:
            return
        holder = tunnel.upstream
        keeper.registry.release(tunnel, keeper.clock.seconds())
        lost = [(holder, tunnel.tunnel_id)] if not isinstance(holder, Pool) else keeper.pools.dissolve(holder)
        for session, number in lost:
            self._closed(session, tunnel.label)
            session.mux.send_control(CloseTunnel(number, error.problem.code, str(error)))

    def _bind(self, claim: Asked) -> Claim[Holder]:
        """Bind the name of a claim to its session, or to a pool.  Raises ProblemError."""
        keeper, session, wanted = self._keeper, claim.session, claim.wanted
        pooled = wanted.options.pool
        try:
            return keeper.registry.claim(
                claim.label,
                keeper.pools.make(claim.label, wanted) if pooled else session,
                session.owner.names,
                claim.now,
                tunnel_id=wanted.tunnel,
                auth=claim.auth,
                account=session.owner.account,
                options=without_secrets(wanted.options),
                kind=TunnelKind(wanted.kind),
                access=claim.access,
                rules=claim.rules,
                also=claim.also,
            )
        except ProblemError as error:
            if error.problem is not NAME_TAKEN:
                raise
            raise keeper.pools.why_taken(session, claim.label, wanted, claim.auth) or error from None

    def _join(self, session: ServerSession, wanted: OpenTunnel, claim: Asked, tunnel: Tunnel[Holder]) -> None:
        """Make a client a member of a pool, and tell it so."""
        self._keeper.pools.join(tunnel, session, wanted.tunnel)
        self._tell_open(session, wanted, claim)

    def _tell_open(self, session: ServerSession, wanted: OpenTunnel, claim: Asked) -> None:
        """Tell a client that its tunnel is public."""
        keeper, label = self._keeper, claim.label
        assert claim.kind is not None
        url, *more = (claim.kind.url(name, keeper.settings, keeper.public_port) for name in claim.names)
        session.mux.send_control(TunnelReady(wanted.tunnel, shown_name(label), url, more))
        keeper.journal.tunnel_opened(session, label, wanted.kind)
        end = line(keeper.clock, "tunnel opened")
        if end is not None:
            _log.info(
                "tunnel opened: name={name} session={session} url={url}{end}",
                name=field(label),
                session=field(session.name),
                url=field(url),
                end=end,
            )

    def _refuse(self, session: ServerSession, wanted: OpenTunnel, error: ProblemError) -> None:
        problem = error.problem
        limit = _BY_DETAIL.get(error.detail) or _LIMITS.get(problem)
        if limit is not None:
            self._keeper.guard.refused(limit, session.remote, problem.code)
        elif (suppressed := self._keeper.guard.rate_limited_log(problem.code)) is not None:
            _log.info(
                "tunnel refused: name={name} session={session} peer={peer} word={word} suppressed={suppressed}",
                name=field(printable(wanted.name or "", 64)),
                session=field(session.name),
                peer=field(session.remote),
                word=field(problem.code),
                suppressed=suppressed,
            )
            id, name = cause_id(session.name, wanted.tunnel, "t"), printable(wanted.name or "", 64)
            tell_cause(self._keeper.clock, opening_cause(id, problem, str(error), name=name, peer=session.remote), name)
        self._keeper.journal.refused(session.remote, error, session, wanted.name or "")
        session.mux.send_control(TunnelRefused(wanted.tunnel, problem.code, str(error), problem not in _PASSING))

    def _count(self, session: ServerSession) -> int:
        """Return how many tunnels a session has, or has claimed."""
        return len(self._keeper.registry.tunnels_of(session)) + len(session.pools) + len(session.claiming)

    def _lost_name(self, tunnel: Tunnel[Holder]) -> None:
        """Tell the sessions that have lost a name to another one of the same owner; end those that are dead."""
        holder = tunnel.upstream
        lost = [(holder, tunnel.tunnel_id)] if not isinstance(holder, Pool) else self._keeper.pools.dissolve(holder)
        for session, number in lost:
            self._keeper.journal.tunnel_closed(session, tunnel.label)
            self._lost(session, number)

    def _lost(self, session: ServerSession, number: int) -> None:
        """Tell a session that it has lost a name, and end it if it is dead."""
        if self._has_names(session):
            session.mux.send_control(CloseTunnel(number, NAME_TAKEN.code, _TAKEN_OVER))
        elif session.link is None:
            self._keeper.end(session, SessionEvent.CLAIMED, "started again", _RESTARTED)
        else:
            session.mux.send_control(CloseTunnel(number, NAME_TAKEN.code, _TAKEN_OVER))
            self._watch(session, session.link)

    def _has_names(self, session: ServerSession) -> bool:
        return bool(session.pools or self._keeper.registry.tunnels_of(session))

    def _watch(self, session: ServerSession, link: Link) -> None:
        """End a session without names, unless something is received on its link within ``GHOST_DEAD`` seconds."""
        heard = link.heard
        keeper = self._keeper

        def shows() -> bool:
            return link.heard > heard or session.link is not link

        def end(_: object) -> None:
            if not shows() and not self._has_names(session):
                keeper.end(session, SessionEvent.CLAIMED_SILENT, "its link is dead", _RESTARTED)

        waited = wait_for(keeper.clock, shows, GHOST_DEAD, GHOST_STEP)
        waited.addCallback(end)
        waited.addErrback(lambda failure: _log.failure("a session could not be watched", failure=failure))

    def _rival(self, session: ServerSession, name: str) -> tuple[Tunnel[Holder], list[Link]] | None:
        """Return the same owner's tunnel of that name, and the links that seem to be alive, if there are some."""
        bound = self._keeper.registry.by_name.get(name)
        if bound is None or bound.owner != session.owner.names:
            return None
        holder = bound.upstream
        mine = session is holder or (isinstance(holder, Pool) and session in self._keeper.pools.sessions(holder))
        links = self._links(bound)
        return (bound, links) if links and not mine else None

    def _doubt(self, session: ServerSession, wanted: OpenTunnel, tunnel: Tunnel[Holder], links: list[Link]) -> None:
        """Ping the links of the sessions that have the name, and decide the claim by whether something comes."""
        session.claiming.add(wanted.tunnel)
        asked = [(link, link.ask()) for link in links]
        seconds = min(GHOST_MOST, max(GHOST_LEAST, *(GHOST_TRIPS * link.trip for link in links)))

        def alive() -> bool:
            return any(link.heard >= number for link, number in asked)

        waited = wait_for(self._keeper.clock, lambda: alive() or self._links(tunnel) != links, seconds, GHOST_STEP)
        waited.addCallback(lambda _: self._decide(session, wanted, tunnel, links, alive()))
        waited.addErrback(lambda failure: _log.failure("a claim could not be decided", failure=failure))

    def _links(self, tunnel: Tunnel[Holder]) -> list[Link]:
        """Return the links of those that a name is bound to."""
        holder = tunnel.upstream
        sessions = self._keeper.pools.sessions(holder) if isinstance(holder, Pool) else [holder]
        return [each.link for each in sessions if each.link is not None]

    def _decide(
        self, session: ServerSession, wanted: OpenTunnel, tunnel: Tunnel[Holder], links: list[Link], alive: bool
    ) -> None:
        if not self._is_claiming(session, wanted):
            return
        keeper = self._keeper
        same = self._links(tunnel) == links
        if same and not alive and keeper.registry.release(tunnel, keeper.clock.seconds()):
            self._lost_name(tunnel)
        self._claim(session, wanted, self._count(session), proven=True, sure=True)
