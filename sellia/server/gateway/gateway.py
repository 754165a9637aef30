"""The gateway: the side of the server where clients' links arrive, and the sessions that they carry.

Need
    A client proves who it is, gets a session or goes on with the one it had, and binds public names to it.  A session
    whose link is lost waits for the resume window; its visitors wait with it.

Invariants
    * A session is carried by at most one link.  A new link that presents its token takes over at once, also while the
      old one still seems to be alive; but never a hello that was made before the one that the session went on with:
      networks hold some back, and its client has given that link up.
    * A name belongs to at most one session (the registry's promise).
    * A session ends once: by the client's goodbye, its expiry, a fault of the client, or the server's stop; then each
      of its streams is told why.
    * The time that a service has for its answer stands still while its client's link is away.

Bounds
    Sessions without a link last for the resume window.  `sellia.server.gateway.hellos` bounds links without a session,
    `sellia.server.gateway.admission` the number of sessions, `sellia.server.gateway.footprint` their memory.
"""

from random import Random
from typing import Any, Final

from twisted.internet.interfaces import IReactorTime

from sellia import __version__
from sellia.errors import ProtocolError
from sellia.problems import SERVER_DRAINING, SERVER_RESTARTING, Problem
from sellia.protocol.messages import (
    CAPABILITIES,
    VERSION,
    CloseTunnel,
    GoAway,
    Goodbye,
    Hello,
    LinkMessage,
    Meanwhile,
    OpenTunnel,
    ServiceHealth,
    SessionMessage,
    Welcome,
)
from sellia.relay.limits.token_bucket import Rate
from sellia.relay.mux.counters import LinkCounters
from sellia.relay.registry import TunnelRegistry
from sellia.server.gateway.admission import Admission
from sellia.server.gateway.control import DomainControl, NoZones, Zones
from sellia.server.gateway.domains import DomainProofs, RememberedProofs
from sellia.server.gateway.footprint import FootprintLimit
from sellia.server.gateway.health import health_of
from sellia.server.gateway.hellos import Hellos
from sellia.server.gateway.keys import KeyStore, Owner
from sellia.server.gateway.kinds import NoPorts, Ports
from sellia.server.gateway.links import LinkFactory
from sellia.server.gateway.policy import Journal, Permission, Policy, Silence
from sellia.server.gateway.pools import Holder, Pools
from sellia.server.gateway.session_log import SessionLog
from sellia.server.gateway.sessions import ServerSession
from sellia.server.gateway.states import TRANSITIONS, SessionEvent
from sellia.server.gateway.tunnels import TunnelRequests
from sellia.server.limiter import Limiter
from sellia.server.settings import ServerSettings
from sellia.text import printable
from sellia.transports.link.keeper import Link
from sellia.transports.link.native import ServerLink
from sellia.transports.original.server_side.bridge import OriginalServerLink
from sellia.transports.reactor.batching import batch_of

_CUT: Final = "The client of this tunnel lost its connection, and is one that cannot go on after that."
_TOO_LARGE: Final = "all sessions together have too much waiting, and this one most of it"
_TAKEN_OVER: Final = "another link has taken over"


class Gateway:
    """All links and sessions of a server.

    ``keys`` is the key store, that of the settings by default; ``ports`` has the ports that tunnels can be given;
    ``proofs`` remembers who has shown control of domains, by records that ``zones`` looks up.
    """

    def __init__(
        self,
        settings: ServerSettings,
        registry: TunnelRegistry[Holder],
        clock: IReactorTime,
        random: Random,
        guard: Limiter | None = None,
        keys: KeyStore | None = None,
        ports: Ports | None = None,
        proofs: DomainProofs | None = None,
        zones: Zones | None = None,
    ) -> None:
        self.settings = settings
        self.ports: Ports = ports or NoPorts()
        self.guard = guard or Limiter(settings, clock)
        self.registry = registry
        self.clock = clock
        self.turn = batch_of(clock)
        #: Factories of links, for the native dialect and for the original one.
        self.links = LinkFactory(self, clock, ServerLink)
        self.original_links = LinkFactory(self, clock, OriginalServerLink)
        self.sessions: dict[bytes, ServerSession] = {}
        self.public_port = settings.url_port
        self.draining = False
        self.random = random
        self.counters = LinkCounters()
        #: What owners may have, and who is told of what they do.
        self.policy: Policy = Permission()
        self.journal: Journal = Silence()
        self._told = SessionLog(clock)
        self._open: set[Link] = set()
        self._sessions_by_link: dict[Link, ServerSession] = {}
        self.admission = Admission(settings, clock, keys)
        self._hellos = Hellos(self, self.admission)
        self.pools = Pools(registry, clock)
        self._tunnels = TunnelRequests(self)
        proofs = proofs or RememberedProofs(clock.seconds)
        self.domains = DomainControl(settings, clock, proofs, zones or NoZones(), registry.has, self._tunnels.withdraw)
        self._footprint = FootprintLimit(settings.sessions_memory, clock, self.sessions.values, self._too_large)
        self.guard.each_second += [self.check, registry.expire, self.domains.check]
        self._limit_links()

    def set_limits(self, settings: ServerSettings) -> None:
        """Apply other settings: to sessions at once, to links that are made from now on."""
        self.settings = settings
        self.admission.set_limits(settings)
        self.registry.set_limits(settings.resume_window, settings.tunnels_per_owner, settings.tunnels)
        self._footprint.limit = settings.sessions_memory
        self.domains.settings = settings
        self._limit_links()
        for session in self.sessions.values():
            session.set_limits(settings)

    def _limit_links(self) -> None:
        control = Rate(self.settings.link_control_burst, self.settings.link_control_rate)
        self.links.set_attributes(control=control)
        self.original_links.set_attributes(control=control, max_tunnels=self.settings.tunnels_per_client)

    @property
    def link_count(self) -> int:
        """The number of sessions that have a link."""
        return sum(1 for each in self.sessions.values() if each.link is not None)

    @property
    def open_links(self) -> int:
        """The number of links whose connections are open, whether they carry a session or not."""
        return len(self._open)

    # --- links: a LinkKeeper -------------------------------------------------------------------------------

    def link_opened(self, link: Link) -> None:
        self._open.add(link)
        self.guard.link_waits(link)
        self._hellos.opened(link)

    def link_message(self, link: Link, message: LinkMessage) -> None:
        if isinstance(message, Hello):
            self._hellos.received(link, message)
        elif isinstance(message, Goodbye):
            session = self._sessions_by_link.get(link)
            if session is not None:
                self.end(session, SessionEvent.GOODBYE, "the client said goodbye")
            link.close(1000, "goodbye")
        else:
            raise ProtocolError("a link message that only a server sends")

    def link_faulty(self, link: Link, code: int, fault: str) -> None:
        self.guard.refused("link_violations", link.remote, code, fault)

    def rate_limited_log(self, topic: str) -> int | None:
        return self.guard.rate_limited_log(topic)

    def link_broken(self, link: Link, error: ProtocolError) -> None:
        session = self._sessions_by_link.get(link)
        if session is not None:
            broke = "the client broke the protocol"
            self.end(session, SessionEvent.VIOLATED, f"{broke}: {error}", broke)

    def link_lost(self, link: Link, reason: str) -> None:
        self._open.discard(link)
        self.guard.places.busy(link)
        self._hellos.lost(link)
        session = self._sessions_by_link.pop(link, None)
        if session is None or session.link is not link:
            return
        session.link = None
        self.counters.links_lost += 1
        if not link.resumable:
            self.end(session, SessionEvent.LINK_CUT, f"its link was lost: {reason}", _CUT)
            return
        session.move(SessionEvent.LINK_LOST)
        self.registry.away(session)
        self.pools.look(session)
        session.link_away(self.clock.seconds(), link.heard)
        session.wait(self.settings.resume_window)
        self._told.lost(session, reason, self.settings.resume_window)

    # --- hellos: a HelloKeeper -----------------------------------------------------------------------------

    def begin(self, link: Link, hello: Hello, owner: Owner) -> None:
        session = ServerSession(self, owner, hello.key, link.remote)
        session.attempt = hello.attempt
        session.agent = printable(hello.agent, 64)
        session.move(SessionEvent.OPENED)
        self.sessions[session.token] = session
        self.admission.acquire(owner.account)
        self._carry(link, session, hello, resumed=False)
        self._told.opened(session)
        self.journal.session_opened(session)

    def resume(self, link: Link, hello: Hello) -> bool:
        session = self.sessions.get(hello.session) if hello.session and hello.version == VERSION else None
        if session is None or not session.opens_with(hello.key):
            return False
        self.policy.check_return(session, link.remote)
        if 0 < hello.attempt <= session.attempt:
            self._ignore(link, session)
        else:
            self._resume(link, session, hello)
        return True

    def _ignore(self, link: Link, session: ServerSession) -> None:
        """Close a link whose hello was made before the one that the session went on with."""
        session.move(SessionEvent.OLDER_HELLO)
        self._told.ignored(session, link.remote)
        link.close(1000, _TAKEN_OVER)

    def _resume(self, link: Link, session: ServerSession, hello: Hello) -> None:
        now = self.clock.seconds()
        old = session.link
        session.move(SessionEvent.RESUMED if old is None else SessionEvent.TAKEN_OVER)
        if old is not None:
            self._sessions_by_link.pop(old, None)
            session.lost_at, session.heard_at = now, old.heard
            old.close(1000, _TAKEN_OVER)
        session.cancel_wait()
        self.admission.release(session.owner.account)
        session.adopt(self.admission.keys.moved(session.owner, hello.key, link.remote), hello.key, link.remote)
        self.admission.acquire(session.owner.account)
        self.registry.adopt(session, session.owner.names, session.owner.account)
        self.pools.adopt(session)
        session.link_back(now)
        session.agent = printable(hello.agent, 64)
        self._carry(link, session, hello, resumed=True)
        self.registry.back(session)
        self.pools.look(session)
        session.mux.send_control(Meanwhile())
        resent = session.mux.out.unacknowledged
        self.counters.went_on(resent, took_over=old is not None)
        self._told.resumed(session, now - session.lost_at, resent, took_over=old is not None)

    def _carry(self, link: Link, session: ServerSession, hello: Hello, *, resumed: bool) -> None:
        settings = self.settings
        session.link = link
        self.guard.link_carries(link)
        session.attempt = hello.attempt
        self._sessions_by_link[link] = session
        link.say(
            Welcome(
                version=VERSION,
                agent=f"sellia/{__version__}",
                session=session.token,
                resumed=resumed,
                received=session.mux.received,
                capabilities=list(CAPABILITIES),
                ping_interval=settings.ping_interval,
                ping_timeout=settings.ping_timeout,
                resume_window=settings.resume_window,
                limits=self.guard.told,
            )
        )
        received = hello.received if resumed else 0
        link.carry(session.mux, received, settings.ping_interval, settings.ping_timeout)

    # --- the session ---------------------------------------------------------------------------------------

    def session_message(self, session: ServerSession, message: SessionMessage) -> None:
        """Act on what a client says about its session."""
        if isinstance(message, OpenTunnel):
            self._tunnels.open(session, message)
        elif isinstance(message, CloseTunnel):
            self._tunnels.close(session, message)
        elif isinstance(message, GoAway):
            self._tunnels.leave(session, message)
        elif isinstance(message, ServiceHealth):
            self.pools.health(session, message)
        else:
            raise ProtocolError("a session message that only a server sends")

    # --- ends ----------------------------------------------------------------------------------------------

    def expired(self, session: ServerSession) -> None:
        """End a session whose resume window is over."""
        self.counters.windows_expired += 1
        self.end(session, SessionEvent.EXPIRED, "its client did not come back in time")

    def end(self, session: ServerSession, event: SessionEvent, why: str, message: str = "") -> None:
        """End a session because of ``event``, of which its visitors are told the problem, and ``message``.

        Its names are free then, or held for their owner if its client could not go on with it.  ``why`` is for the log.
        """
        if self.sessions.pop(session.token, None) is None:
            return
        session.move(event)
        problem = TRANSITIONS[event].problem
        assert problem is not None
        now, held = self.clock.seconds(), event is SessionEvent.LINK_CUT
        session.cancel_wait()
        self.admission.release(session.owner.account)
        pooled = list(session.pools.values())
        released = self.registry.release_all(session, now, held=held)
        released += self.pools.leave_all(session, held=held)
        for label, owner in session.left:
            self.registry.unhold(label, owner)
        if not held:
            labels = [name for tunnel in released for name in tunnel.names] + [label for label, _ in session.left]
            self.registry.remember(labels, problem, now)
        link, session.link = session.link, None
        if link is not None:
            self._sessions_by_link.pop(link, None)
            link.close(1000, problem.code)
        streams = len(session.mux.streams)
        session.mux.close(problem, message)
        self._told.ended(session, why, (tunnel.label for tunnel in released), streams)
        for label in dict.fromkeys([*(tunnel.label for tunnel in released), *pooled]):
            self.journal.tunnel_closed(session, label)
        self.journal.session_ended(session, why)

    def dismiss(self, session: ServerSession, problem: Problem, why: str, message: str = "") -> None:
        """End a session whose client may not go on with it, and tell that client; ``why`` is for the log."""
        link = session.link
        if link is not None:
            session.mux.flush()  # what was said before goodbye
            link.say(Goodbye(problem.code, message or problem.sentence))
        self.end(session, SessionEvent.DISMISSED, why)

    def drain(self, seconds: float) -> None:
        """Begin nothing new, and tell clients that the server will stop within so many seconds."""
        self.draining = True
        for session in self.sessions.values():
            session.move(SessionEvent.DRAINED)
            session.mux.send_control(GoAway(SERVER_DRAINING.code, SERVER_DRAINING.sentence, seconds))

    def stop(self) -> None:
        """End all sessions, and tell every client and every visitor that the server stops."""
        for session in list(self.sessions.values()):
            if (link := session.link) is not None:
                session.mux.flush()  # what was said before goodbye
                link.say(Goodbye(SERVER_RESTARTING.code, SERVER_RESTARTING.sentence))
            self.end(session, SessionEvent.STOPPED, "the server stops")
        self._hellos.stop()
        self._footprint.stop()

    def check(self, now: float) -> None:
        """Reset streams of which too much waits for links.  Call it once a second."""
        for session in list(self.sessions.values()):
            session.mux.load.shed_queued()
        self._footprint.check()

    def _too_large(self, session: ServerSession) -> None:
        """End a session that keeps too much for all without any stream."""
        self.guard.refused("sessions_memory", session.remote, 1013)
        self.end(session, SessionEvent.TOO_LARGE, _TOO_LARGE)

    def brief_health(self) -> dict[str, Any]:
        """Return what ``/health`` tells everybody."""
        return {"draining": self.draining}

    def health(self) -> dict[str, Any]:
        """Return what ``/health`` tells those who run the server."""
        return health_of(self)
