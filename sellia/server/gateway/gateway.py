"""Where links arrive, and the sessions that they carry.

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
    A link must have said hello ``hello_timeout`` seconds after it opened.  Sessions without a link last for the resume
    window.  How many sessions there may be, and of whom, `sellia.server.gateway.admission` says.
"""

from collections.abc import Hashable
from random import Random
from typing import Any, Final

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.logger import Logger

from sellia import __version__
from sellia.errors import ProtocolError
from sellia.problems import (
    CLIENT_GONE,
    OVERLOADED,
    SERVER_DRAINING,
    SERVER_RESTARTING,
    SESSION_EXPIRED,
    Problem,
    problem_of,
)
from sellia.protocol.messages import (
    MEANWHILE,
    SUBPROTOCOL,
    VERSION,
    CloseTunnel,
    GoAway,
    Goodbye,
    Hello,
    LinkMessage,
    Meanwhile,
    OpenTunnel,
    Refused,
    SessionMessage,
    Welcome,
)
from sellia.relay.limits.token_bucket import Rate
from sellia.relay.mux.counters import LinkCounters
from sellia.relay.registry import TunnelRegistry
from sellia.server.gateway.admission import Admission, Rejection
from sellia.server.gateway.footprint import FootprintLimit
from sellia.server.gateway.sessions import ServerSession
from sellia.server.gateway.tunnels import TunnelRequests
from sellia.server.limiter import Limiter
from sellia.server.settings import ServerSettings
from sellia.text import field, printable
from sellia.transports.link.keeper import Link
from sellia.transports.link.native import ServerLink
from sellia.transports.original.server_side.bridge import OriginalServerLink
from sellia.transports.reactor.batching import batch_of
from sellia.transports.reactor.lines import line

_CUT: Final = "The client of this tunnel lost its connection, and is one that cannot go on after that."

_log = Logger()


class LinkFactory(WebSocketServerFactory):
    """Autobahn's factory for links of one class.  The ingress hands it connections whose handshake it has read."""

    def __init__(
        self, gateway: "Gateway", protocol: type[ServerLink] | type[OriginalServerLink], **attributes: Any
    ) -> None:
        super().__init__(protocols=[SUBPROTOCOL], server="Sellia", reactor=gateway.clock)
        self.protocol = protocol
        self._attributes = attributes
        self._gateway = gateway
        self.setProtocolOptions(
            failByDrop=False,
            openHandshakeTimeout=0,  # the handshake is read and whole; then hello is awaited
            closeHandshakeTimeout=0,  # the link has its own
            echoCloseCodeReason=True,
            utf8validateIncoming=False,
            allowNullOrigin=True,
            allowedOrigins=["*"],
        )

    def buildProtocol(self, addr: IAddress | None) -> Any:
        link: Any = super().buildProtocol(addr)
        link.keeper = self._gateway
        link.clock = self._gateway.clock
        for name, value in self._attributes.items():
            setattr(link, name, value)
        return link


class Gateway:
    """All links and sessions of a server."""

    def __init__(
        self,
        settings: ServerSettings,
        registry: TunnelRegistry[ServerSession],
        clock: IReactorTime,
        random: Random,
        guard: Limiter | None = None,
    ) -> None:
        self.settings = settings
        self.guard = guard or Limiter(settings, clock)
        self.registry = registry
        self.clock = clock
        self.turn = batch_of(clock)
        #: What makes a link of a connection, for the native dialect and for the original one.
        control = Rate(settings.link_control_burst, settings.link_control_rate)
        self.links = LinkFactory(self, ServerLink, control=control)
        self.original_links = LinkFactory(
            self, OriginalServerLink, control=control, max_tunnels=settings.tunnels_per_client
        )
        self.sessions: dict[bytes, ServerSession] = {}
        self.public_port = settings.url_port
        self.draining = False
        self.random = random
        self.counters = LinkCounters()
        self._claims = TunnelRequests(self)
        self._open: set[Link] = set()
        self._admission = Admission(settings, clock)
        self._footprint = FootprintLimit(settings.sessions_memory, clock, self.sessions.values, self._too_fat)
        self.guard.each_second.append(self.check)
        self._silent: dict[Link, IDelayedCall] = {}
        self._sessions_by_link: dict[Link, ServerSession] = {}

    @property
    def link_count(self) -> int:
        """Sessions that have a link."""
        return sum(1 for each in self.sessions.values() if each.link is not None)

    @property
    def open_links(self) -> int:
        """Links whose connections are open, those included that carry no session, or none any more."""
        return len(self._open)

    # --- links: a LinkKeeper -------------------------------------------------------------------------------

    def link_opened(self, link: Link) -> None:
        self._open.add(link)
        self.guard.link_waits(link)
        self._silent[link] = self.clock.callLater(self.settings.hello_timeout, self._too_silent, link)

    def _too_silent(self, link: Link) -> None:
        self.guard.refused("hello_time", link.remote, 1008)
        link.close(1008, "no hello came in time")

    def link_message(self, link: Link, message: LinkMessage) -> None:
        if isinstance(message, Hello):
            waiting = self._silent.get(link)
            if waiting is None:
                raise ProtocolError("a second hello on one link")
            if not self._hello(link, message):
                return
            del self._silent[link]
            waiting.cancel()
        elif isinstance(message, Goodbye):
            session = self._sessions_by_link.get(link)
            if session is not None:
                self.end(session, CLIENT_GONE, "", "the client said goodbye")
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
            self.end(session, CLIENT_GONE, "the client broke the protocol", f"the client broke the protocol: {error}")

    def link_lost(self, link: Link, reason: str) -> None:
        self._open.discard(link)
        self.guard.places.busy(link)
        waiting = self._silent.pop(link, None)
        if waiting is not None and waiting.active():
            waiting.cancel()
        session = self._sessions_by_link.pop(link, None)
        if session is None or session.link is not link:
            return
        session.link = None
        if session.token not in self.sessions:
            return
        self.counters.links_lost += 1
        if not link.resumable:
            self.end(session, SESSION_EXPIRED, _CUT, f"its link was lost: {reason}", held=True)
            return
        self.registry.away(session)
        session.link_away(self.clock.seconds(), link.heard)
        session.wait(self.settings.resume_window)
        end = line(self.clock, "link lost")
        if end is not None:
            _log.info(
                "link lost: session={session} peer={peer} reason={reason} streams={streams} window={window:g}s{end}",
                session=field(session.name),
                peer=field(session.remote),
                reason=field(reason),
                streams=len(session.mux.streams),
                window=self.settings.resume_window,
                end=end,
            )

    # --- hello ---------------------------------------------------------------------------------------------

    def _hello(self, link: Link, hello: Hello) -> bool:
        """False if the link is to say another hello, for which it has no more time than for the first."""
        owner = self._admission.owner(hello, link.remote)
        session = self._known(hello, owner)
        if session is not None:
            self._resume(link, session, hello, owner)
            return True
        rejection = self._admission.judge(hello, link.remote)
        if rejection is None and self.draining:
            rejection = Rejection(Refused(SERVER_DRAINING.code, SERVER_DRAINING.sentence, False))
        if rejection is None:
            rejection = self._admission.has_room(link.remote, owner)
        if rejection is not None:
            return not self._refuse(link, rejection)
        session = ServerSession(self, owner, link.remote)
        self.sessions[session.token] = session
        session.counts_as = self._admission.counts_as(owner, link.remote)
        self._admission.enter(session.counts_as)
        self._carry(link, session, hello, resumed=False)
        end = line(self.clock, "session opened")
        if end is not None:
            _log.info(
                "session opened: session={session} peer={peer} agent={agent}{end}",
                session=field(session.name),
                peer=field(link.remote),
                agent=field(printable(hello.agent, 64)),
                end=end,
            )
        return True

    def _known(self, hello: Hello, owner: Hashable) -> ServerSession | None:
        """The session that a client goes on with: by its token, and by its key if the session has one."""
        session = self.sessions.get(hello.session) if hello.session and hello.version == VERSION else None
        if session is not None and (session.owner == owner or isinstance(session.owner, tuple)):
            return session  # who has no key is known by the token alone: addresses change
        return None

    def _refuse(self, link: Link, rejection: Rejection) -> bool:
        """Tell the client so; whether it may say another hello."""
        refused, limit = rejection
        code = problem_of(refused.word).close_code or 1008
        if limit:
            self.guard.refused(limit, link.remote, code)
            return link.refuse(refused, code)
        suppressed = self.guard.rate_limited_log(refused.word)
        if suppressed is not None:
            _log.info(
                "client refused: peer={peer} word={word} message={message} suppressed={suppressed}",
                peer=field(link.remote),
                word=field(refused.word),
                message=field(refused.message),
                suppressed=suppressed,
            )
        return link.refuse(refused, code)

    def _resume(self, link: Link, session: ServerSession, hello: Hello, owner: Hashable) -> None:
        if 0 < hello.attempt <= session.attempt:
            end = line(self.clock, "link ignored")
            if end is not None:
                _log.info(
                    "link ignored, because it is older than the present one: session={session} peer={peer}{end}",
                    session=field(session.name),
                    peer=field(link.remote),
                    end=end,
                )
            link.close(1000, "another link has taken over")
            return
        now = self.clock.seconds()
        old = session.link
        if old is not None:
            self._sessions_by_link.pop(old, None)
            session.lost_at, session.heard_at = now, old.heard
            old.close(1000, "another link has taken over")
        session.cancel_wait()
        session.remote = link.remote
        session.owner = owner
        self._admission.leave(session.counts_as)
        session.counts_as = self._admission.counts_as(owner, link.remote)
        self._admission.enter(session.counts_as)
        self.registry.adopt(session, owner, session.counts_as)
        session.link_back(now)
        self._carry(link, session, hello, resumed=True)
        self.registry.back(session)
        session.mux.say(Meanwhile())
        resent = session.mux.out.unacknowledged
        self.counters.went_on(resent, took_over=old is not None)
        end = line(self.clock, "link back")
        if end is not None:
            _log.info(
                "link back: session={session} peer={peer} after={after:.3f}s took_over={took_over} "
                "resent_messages={messages} resent_bytes={octets} ended={ended} pings_answered={answered}{end}",
                session=field(session.name),
                peer=field(link.remote),
                after=now - session.lost_at,
                took_over=old is not None,
                messages=resent[0],
                octets=resent[1],
                ended=0 if old is not None else len(session.at_loss - session.mux.streams.keys()),
                answered=0 if old is not None else session.pings_answered,
                end=end,
            )

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
                capabilities=[MEANWHILE],
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
        """What a client says about its session."""
        if isinstance(message, OpenTunnel):
            self._claims.open(session, message)
        elif isinstance(message, CloseTunnel):
            self._claims.close(session, message)
        elif isinstance(message, GoAway):
            self._claims.leave(session, message)
        else:
            raise ProtocolError("a session message that only a server sends")

    # --- ends ----------------------------------------------------------------------------------------------

    def expired(self, session: ServerSession) -> None:
        """The resume window of a session is over."""
        self.counters.windows_expired += 1
        self.end(session, SESSION_EXPIRED, "", "its client did not come back in time")

    def end(self, session: ServerSession, problem: Problem, message: str, why: str, *, held: bool = False) -> None:
        """A session is over: its names are free, or ``held`` for their owner, and its visitors are told ``problem``."""
        if self.sessions.pop(session.token, None) is None:
            return
        session.cancel_wait()
        self._admission.leave(session.counts_as)
        released = self.registry.release_all(session, self.clock.seconds(), held=held)
        for label, owner in session.left:
            self.registry.unhold(label, owner)
        if not held:
            labels = [tunnel.label for tunnel in released] + [label for label, _ in session.left]
            self.registry.remember(labels, problem, self.clock.seconds())
        link, session.link = session.link, None
        if link is not None:
            self._sessions_by_link.pop(link, None)
            link.close(1000, problem.code)
        streams = len(session.mux.streams)
        session.mux.close(problem, message)
        end = line(self.clock, "session ended")
        if end is not None:
            _log.info(
                "session ended: session={session} reason={why} tunnels={tunnels} streams={streams}{end}",
                session=field(session.name),
                why=field(why),
                tunnels=field(",".join(tunnel.label for tunnel in released)),
                streams=streams,
                end=end,
            )

    def drain(self, seconds: float) -> None:
        """The server will stop within so many seconds: nothing new is begun, and clients are told."""
        self.draining = True
        for session in self.sessions.values():
            session.mux.say(GoAway(SERVER_DRAINING.code, SERVER_DRAINING.sentence, seconds))

    def stop(self) -> None:
        """The server stops: every client is told, every visitor too."""
        for session in list(self.sessions.values()):
            link = session.link
            if link is not None:
                session.mux.flush()  # what was said before goodbye
                link.say(Goodbye(SERVER_RESTARTING.code, SERVER_RESTARTING.sentence))
            self.end(session, SERVER_RESTARTING, "", "the server stops")
        for silent in list(self._silent):
            silent.drop("the server stops")
        self._footprint.stop()

    def check(self, now: float) -> None:
        """Once a second: end what waits for links in excess of the bounds."""
        for session in list(self.sessions.values()):
            session.mux.relieve_queue()
        self._footprint.check()

    def _too_fat(self, session: ServerSession) -> None:
        """What waits in a session alone is too much for all, and it is not its streams'."""
        self.guard.refused("sessions_memory", session.remote, 1013)
        self.end(session, OVERLOADED, "", "all sessions together have too much waiting, and this one most of it")

    def shows_key(self, key: str, remote: str) -> bool:
        """Whether a visitor shows the master key."""
        return self._admission.shows_key(key, remote)

    def brief_health(self) -> dict[str, Any]:
        """What ``/health`` tells everybody."""
        return {"draining": self.draining}

    def health(self) -> dict[str, Any]:
        """Numbers for ``/health``, for those who run the server."""
        return {
            "version": __version__,
            "draining": self.draining,
            "sessions": len(self.sessions),
            "links": self.link_count,
            "tunnels": self.registry.count,
            "streams": sum(len(each.mux.streams) for each in self.sessions.values()),
            **self.counters.as_dict(),
            "connections": self.guard.connections.count,
            "limits": self.guard.refusals.as_dict(),
        }
