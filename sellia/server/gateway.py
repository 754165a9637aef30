"""Where links arrive, and the sessions that they carry.

Need
    A client proves who it is, gets a session or goes on with the one it had, and binds public names to it.  A session
    whose link is lost waits for the resume window; its visitors wait with it.

Invariants
    * A session is carried by at most one link.  A new link that presents its token takes over at once, also while the
      old one still seems to be alive.
    * A name belongs to at most one session (the registry's promise).
    * A session ends once: by the client's goodbye, its expiry, a fault of the client, or the server's stop; then each
      of its streams is told why.

Bounds
    A link must have said hello ``HELLO_WAIT`` seconds after it opened.  Sessions without a link last for the resume
    window.  Tunnels of one session: ``TUNNELS``.
"""

import secrets
from random import Random
from typing import Any, Final

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from sellia import __version__
from sellia.errors import PROBLEMS, ProblemError, ProtocolError
from sellia.protocol.messages import (
    SUBPROTOCOL,
    VERSION,
    CloseTunnel,
    GoAway,
    Goodbye,
    Hello,
    LinkMessage,
    Opening,
    OpenTunnel,
    Refused,
    SessionMessage,
    TunnelReady,
    TunnelRefused,
    Welcome,
)
from sellia.relay.hosts import public_url
from sellia.relay.leg import Leg
from sellia.relay.names import validate_name
from sellia.relay.registry import TunnelRegistry
from sellia.relay.secrets import SecretDigest, basic_auth_digest
from sellia.relay.session import Session
from sellia.relay.stream import Stream
from sellia.relay.text import printable
from sellia.server.settings import ServerSettings
from sellia.transports.link import LinkMixin, ServerLink
from sellia.transports.turn import turn_of

#: Seconds that a link may be open without having said who it is.
HELLO_WAIT: Final = 10.0

#: Tunnels of one session.
TUNNELS: Final = 100

_TOKEN: Final = 16

_log = Logger()


class ServerSession:
    """One client's session, as the server has it: the session's owner, and the key to its tunnels."""

    def __init__(self, gateway: "Gateway", owner: object, remote: str) -> None:
        settings = gateway.settings
        self.gateway = gateway
        self.owner = owner
        self.remote = remote
        self.token = secrets.token_bytes(_TOKEN)
        self.link: LinkMixin | None = None
        self.session = Session(self, even=True, held_limit=settings.session_credit)
        self._expiry: IDelayedCall | None = None

    @property
    def name(self) -> str:
        """For the log: enough of the token to tell sessions apart, too little to guess the rest."""
        return self.token[:4].hex()

    # --- a session's owner ---------------------------------------------------------------------------------

    def flush_wanted(self) -> None:
        self.gateway.turn.later(self.session.flush)

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        raise ProtocolError("a client opens no streams")

    def message_received(self, message: SessionMessage) -> None:
        self.gateway.session_message(self, message)

    def leg_failed(self, stream: Stream, error: Exception) -> None:
        _log.error(
            "a defect of Sellia's own ended an exchange: session={session} id={id} error={error!r}",
            session=self.name,
            id=stream.id,
            error=error,
        )

    # --- waiting -------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """The link is lost: end unless another comes within so many seconds."""
        self.cancel_wait()
        self._expiry = self.gateway.clock.callLater(seconds, self.gateway.expired, self)

    def cancel_wait(self) -> None:
        """A link is there again, or the session has ended."""
        expiry, self._expiry = self._expiry, None
        if expiry is not None and expiry.active():
            expiry.cancel()


class LinkFactory(WebSocketServerFactory):  # type: ignore[misc]
    """Autobahn's factory for links.  The ingress hands it connections whose handshake it has read."""

    protocol = ServerLink

    def __init__(self, gateway: "Gateway") -> None:
        super().__init__(protocols=[SUBPROTOCOL], server="Sellia", reactor=gateway.clock)
        self._gateway = gateway
        self.setProtocolOptions(
            failByDrop=False,
            openHandshakeTimeout=HELLO_WAIT,
            closeHandshakeTimeout=5,
            echoCloseCodeReason=True,
            utf8validateIncoming=False,
            allowNullOrigin=True,
            allowedOrigins=["*"],
        )

    def buildProtocol(self, addr: object) -> ServerLink:
        link: ServerLink = super().buildProtocol(addr)
        link.keeper = self._gateway
        link.clock = self._gateway.clock
        return link


class Gateway:
    """All links and sessions of a server."""

    def __init__(
        self, settings: ServerSettings, registry: TunnelRegistry[ServerSession], clock: IReactorTime, random: Random
    ) -> None:
        self.settings = settings
        self.registry = registry
        self.clock = clock
        self.turn = turn_of(clock)
        self.links = LinkFactory(self)
        self.sessions: dict[bytes, ServerSession] = {}
        self.public_port = settings.url_port
        self.draining = False
        self._random = random
        self._key = SecretDigest(settings.master_key.get_secret_value()) if settings.master_key else None
        self._silent: dict[LinkMixin, IDelayedCall] = {}
        self._sessions_by_link: dict[LinkMixin, ServerSession] = {}

    @property
    def link_count(self) -> int:
        """Sessions that have a link."""
        return sum(1 for each in self.sessions.values() if each.link is not None)

    # --- links: a LinkKeeper -------------------------------------------------------------------------------

    def link_opened(self, link: LinkMixin) -> None:
        self._silent[link] = self.clock.callLater(HELLO_WAIT, link.drop, "it did not say hello in time")

    def link_message(self, link: LinkMixin, message: LinkMessage) -> None:
        if isinstance(message, Hello):
            waiting = self._silent.pop(link, None)
            if waiting is None:
                raise ProtocolError("a second hello on one link")
            waiting.cancel()
            self._hello(link, message)
        elif isinstance(message, Goodbye):
            session = self._sessions_by_link.get(link)
            if session is not None:
                self.end(session, "client-gone", "", "the client said goodbye")
            link.close(1000, "goodbye")
        else:
            raise ProtocolError("a link message that only a server sends")

    def link_broken(self, link: LinkMixin, error: ProtocolError) -> None:
        session = self._sessions_by_link.get(link)
        if session is not None:
            self.end(session, "client-gone", "the client broke the protocol", f"the client broke the protocol: {error}")

    def link_lost(self, link: LinkMixin, reason: str) -> None:
        waiting = self._silent.pop(link, None)
        if waiting is not None and waiting.active():
            waiting.cancel()
        session = self._sessions_by_link.pop(link, None)
        if session is None or session.link is not link:
            return
        session.link = None
        if session.token not in self.sessions:
            return
        self.registry.away(session)
        session.wait(self.settings.resume_window)
        _log.info(
            "link lost: session={session} peer={peer} reason={reason} streams={streams} window={window:g}s",
            session=session.name,
            peer=printable(session.remote),
            reason=printable(reason),
            streams=len(session.session.streams),
            window=self.settings.resume_window,
        )

    # --- hello ---------------------------------------------------------------------------------------------

    def _hello(self, link: LinkMixin, hello: Hello) -> None:
        refused = self._judge(hello)
        if refused is not None:
            self._refuse(link, refused)
            return
        owner: object = ("address", link.remote) if self._key is None else SecretDigest(hello.key or "-")
        session = self.sessions.get(hello.session) if hello.session is not None else None
        if session is not None and session.owner == owner:
            self._resume(link, session, hello)
            return
        if self.draining:
            self._refuse(link, Refused("server-draining", PROBLEMS["server-draining"].sentence, False))
            return
        session = ServerSession(self, owner, link.remote)
        self.sessions[session.token] = session
        self._carry(link, session, hello, resumed=False)
        _log.info(
            "session opened: session={session} peer={peer} agent={agent}",
            session=session.name,
            peer=printable(link.remote),
            agent=printable(hello.agent, 64),
        )

    def _judge(self, hello: Hello) -> Refused | None:
        if hello.version != VERSION:
            message = f"This server speaks version {VERSION} of the protocol, the client version {hello.version}."
            return Refused("unsupported-version", message, True)
        if self._key is None or not self.settings.require_auth:
            return None
        if not hello.key:
            return Refused("key-required", PROBLEMS["key-required"].sentence, True)
        if not self._key.matches(hello.key):
            return Refused("wrong-key", PROBLEMS["wrong-key"].sentence, True)
        return None

    def _refuse(self, link: LinkMixin, refused: Refused) -> None:
        _log.info(
            "client refused: peer={peer} word={word} message={message}",
            peer=printable(link.remote),
            word=refused.word,
            message=refused.message,
        )
        link.say(refused)
        link.close(PROBLEMS[refused.word].close_code or 1008, refused.word)

    def _resume(self, link: LinkMixin, session: ServerSession, hello: Hello) -> None:
        old = session.link
        if old is not None:
            self._sessions_by_link.pop(old, None)
            old.close(1000, "another link has taken over")
        session.cancel_wait()
        session.remote = link.remote
        parcels, octets = session.session.unacknowledged
        self._carry(link, session, hello, resumed=True)
        self.registry.back(session)
        _log.info(
            "link back: session={session} peer={peer} took_over={took_over} unacknowledged={parcels} octets={octets}",
            session=session.name,
            peer=printable(link.remote),
            took_over=old is not None,
            parcels=parcels,
            octets=octets,
        )

    def _carry(self, link: LinkMixin, session: ServerSession, hello: Hello, *, resumed: bool) -> None:
        settings = self.settings
        session.link = link
        self._sessions_by_link[link] = session
        link.say(
            Welcome(
                version=VERSION,
                agent=f"sellia/{__version__}",
                session=session.token,
                resumed=resumed,
                received=session.session.received,
                ping_interval=settings.ping_interval,
                ping_timeout=settings.ping_timeout,
                resume_window=settings.resume_window,
            )
        )
        received = hello.received if resumed else 0
        link.carry(session.session, received, settings.ping_interval, settings.ping_timeout)

    # --- tunnels -------------------------------------------------------------------------------------------

    def session_message(self, session: ServerSession, message: SessionMessage) -> None:
        """What a client says about its session."""
        if isinstance(message, OpenTunnel):
            self._open_tunnel(session, message)
        elif isinstance(message, CloseTunnel):
            for tunnel in self.registry.tunnels_of(session):
                if tunnel.tunnel_id == message.tunnel:
                    self.registry.release(tunnel, self.clock.seconds())
                    _log.info("tunnel closed: name={name} session={session}", name=tunnel.label, session=session.name)
        elif not isinstance(message, GoAway):
            raise ProtocolError("a session message that only a server sends")

    def _open_tunnel(self, session: ServerSession, wanted: OpenTunnel) -> None:
        now = self.clock.seconds()
        mine = self.registry.tunnels_of(session)
        if any(tunnel.tunnel_id == wanted.tunnel for tunnel in mine):
            raise ProtocolError("a tunnel was opened twice")
        try:
            if wanted.kind != "http":
                raise ProblemError(PROBLEMS["forbidden"], f"This server has no {printable(wanted.kind, 16)} tunnels.")
            if len(mine) >= TUNNELS:
                raise ProblemError(PROBLEMS["too-many-tunnels"])
            name = validate_name(wanted.name) if wanted.name else self.registry.free_name(self._random, now)
            try:
                auth = basic_auth_digest(wanted.auth) if wanted.auth is not None else None
            except ValueError as error:
                raise ProblemError(PROBLEMS["forbidden"], f"{str(error)[:1].upper()}{str(error)[1:]}.") from None
            claim = self.registry.claim(name, session, session.owner, now, tunnel_id=wanted.tunnel, auth=auth)
        except ProblemError as error:
            _log.info(
                "tunnel refused: name={name} session={session} word={word}",
                name=printable(wanted.name or "-", 64),
                session=session.name,
                word=error.problem.word,
            )
            final = error.problem.word not in ("name-taken", "overloaded", "internal")
            session.session.say(TunnelRefused(wanted.tunnel, error.problem.word, str(error), final))
            return
        if claim.displaced is not None:
            self.end(claim.displaced.session, "client-gone", "its client was started again", "taken over by its owner")
        url = public_url(name, self.settings.domain, self.public_port, self.settings.https)
        session.session.say(TunnelReady(wanted.tunnel, name, url))
        _log.info("tunnel opened: name={name} session={session} url={url}", name=name, session=session.name, url=url)

    # --- ends ----------------------------------------------------------------------------------------------

    def expired(self, session: ServerSession) -> None:
        """The resume window of a session is over."""
        self.end(session, "session-expired", "", "its client did not come back in time")

    def end(self, session: ServerSession, word: str, message: str, why: str) -> None:
        """A session is over: its names are free, its visitors are told ``word``."""
        if self.sessions.pop(session.token, None) is None:
            return
        session.cancel_wait()
        released = self.registry.release_session(session, self.clock.seconds(), held=False)
        link, session.link = session.link, None
        if link is not None:
            self._sessions_by_link.pop(link, None)
            link.close(1000, word)
        streams = len(session.session.streams)
        session.session.close(word, message)
        _log.info(
            "session ended: session={session} reason={why} tunnels={tunnels} streams={streams}",
            session=session.name,
            why=printable(why),
            tunnels=",".join(tunnel.label for tunnel in released) or "-",
            streams=streams,
        )

    def stop(self) -> None:
        """The server stops: every client is told, every visitor too."""
        for session in list(self.sessions.values()):
            link = session.link
            if link is not None:
                link.say(Goodbye("server-restarting", PROBLEMS["server-restarting"].sentence))
            self.end(session, "server-restarting", "", "the server stops")
        for silent in list(self._silent):
            silent.drop("the server stops")

    def health(self) -> dict[str, Any]:
        """Numbers for ``/health``."""
        return {
            "sessions": len(self.sessions),
            "links": self.link_count,
            "tunnels": len(self.registry.by_label),
            "streams": sum(len(each.session.streams) for each in self.sessions.values()),
        }
