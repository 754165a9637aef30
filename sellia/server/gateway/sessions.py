"""A client's session at the server: its owner, its link, its limits, and the timer of its resume window."""

import secrets
from collections.abc import Hashable
from typing import Final, Protocol, cast

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from sellia.errors import ProblemError, ProtocolError
from sellia.problems import CLIENT_GONE, OVERLOADED
from sellia.protocol.messages import Notice, Opening, SessionMessage
from sellia.relay.limits.token_bucket import Bucket, Rate
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.session import Session
from sellia.relay.mux.stream import Stream
from sellia.relay.mux.upstream import VisitorLeg
from sellia.relay.secrets import SecretDigest
from sellia.server.gateway.keys import Owner
from sellia.server.gateway.states import SessionEvent, SessionMachine, SessionState
from sellia.server.limiter import Limiter
from sellia.server.notices import Notices
from sellia.server.settings import ServerSettings
from sellia.text import defect, field
from sellia.transports.link.keeper import Link
from sellia.transports.reactor.batching import FlushBatch
from sellia.transports.reactor.waiting import cancel
from sellia.why.cause import session_name

#: Bytes of a resume token.
_TOKEN: Final = 16

_log = Logger()


class SessionKeeper(Protocol):
    """The gateway, as its sessions use it."""

    settings: ServerSettings
    clock: IReactorTime
    guard: Limiter
    turn: FlushBatch

    def session_message(self, session: "ServerSession", message: SessionMessage) -> None:
        """Act on what a client said about its session.  May raise ProtocolError."""

    def expired(self, session: "ServerSession") -> None:
        """End a session whose resume window is over."""


class ServerSession:
    """An `Upstream` that carries streams to one client; the registry binds names to it."""

    def __init__(self, keeper: SessionKeeper, owner: Owner, key: str | None, remote: str) -> None:
        settings = keeper.settings
        self._keeper = keeper
        self._machine = SessionMachine()
        #: Whom its client acts for.
        self.owner = owner
        #: The key that it was opened with, if any: who shows its token and this goes on with it.
        self._key = SecretDigest(key) if key else None
        #: Rate of its claims, if that is limited.
        self.claims = Bucket(Rate(settings.tunnel_burst, settings.tunnel_rate)) if settings.rate_limit else None
        self.remote = remote
        #: What its client calls itself, and when it began.
        self.agent = ""
        self.since = keeper.clock.seconds()
        self.token = secrets.token_bytes(_TOKEN)
        self.link: Link | None = None
        #: Attempt number of the hello that it last went on with.
        self.attempt = 0
        self.mux = Session(
            self,
            keeper.turn.schedule,
            even=True,
            max_streams=settings.session_streams,
            held_limit=settings.session_credit,
            queue_limit=settings.session_queue,
        )
        self.mux.name = session_name(self.token)
        self.mux.relieved = self._relieved
        #: Numbers of tunnels whose claims are undecided.
        self.claiming: set[int] = set()
        #: Names of the pools that its tunnels are places in, by the tunnels' numbers.
        self.pools: dict[int, str] = {}
        #: Names that are held for it since its client said that it would stop, each with its owner.
        self.left: list[tuple[str, Hashable]] = []
        #: Numbers of the streams that were open when its link was lost.
        self.at_loss: frozenset[int] = frozenset()
        #: When its link was lost, and when something was last received on it.
        self.lost_at = self.heard_at = 0.0
        self._expiry: IDelayedCall | None = None
        self._exchanges = keeper.guard.exchanges
        self._notices = Notices(keeper.clock)

    @property
    def state(self) -> SessionState:
        """State of the session."""
        return self._machine.state

    def move(self, event: SessionEvent) -> None:
        """Change the state by an event."""
        self._machine.move(event)

    @property
    def has_key(self) -> bool:
        """Whether its client has shown a key."""
        return self._key is not None

    def opens_with(self, key: str | None) -> bool:
        """Return whether a client that has shown the token may go on with the session.

        A session without a key is known by its token alone: addresses change.
        """
        return self._key is None or (bool(key) and self._key.matches(key or ""))

    def adopt(self, owner: Owner, key: str | None, remote: str) -> None:
        """Set what its client, which goes on with it, says of itself now."""
        self.owner = owner
        self._key = SecretDigest(key) if key else None
        self.remote = remote

    def set_limits(self, settings: ServerSettings) -> None:
        """Apply other limits from now on; streams that are open go on."""
        rate = Rate(settings.tunnel_burst, settings.tunnel_rate)
        if not settings.rate_limit:
            self.claims = None
        elif self.claims is None:
            self.claims = Bucket(rate)
        else:
            self.claims.set_rate(rate)
        self.mux.max_streams = settings.session_streams
        self.mux.load.held_limit = settings.session_credit
        self.mux.load.queue_limit = settings.session_queue

    @property
    def name(self) -> str:
        """Name of the session in the log."""
        return self.mux.name

    @property
    def footprint(self) -> int:
        """Bytes that wait in the session and, for a client of the original dialect, in its bridge."""
        bridge = getattr(self.link, "bridge", None)
        return self.mux.footprint + (bridge.session.footprint if bridge is not None else 0)

    # --- an Upstream ---------------------------------------------------------------------------------------

    @property
    def attached(self) -> bool:
        return self.mux.attached

    @property
    def closed(self) -> bool:
        return self.mux.closed

    def open(self, opening: Opening, leg: VisitorLeg, *, end: bool = False) -> Stream:
        mux = self.mux
        if mux.closed:
            raise ProblemError(CLIENT_GONE)
        if len(mux.streams) >= mux.max_streams:  # clients open none
            raise ProblemError(OVERLOADED)
        return mux.open(opening, leg, end=end)

    def refusal(self, tunnel_id: int) -> str | None:
        return self._exchanges.refusal(self.mux, tunnel_id, len(self.at_loss))

    def notify(self, notice: Notice, now: float) -> None:
        self._notices.send(self.mux, notice, now)

    # --- a session's owner ---------------------------------------------------------------------------------

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        raise ProtocolError("a client opens no streams")

    def message_received(self, message: SessionMessage) -> None:
        self._keeper.session_message(self, message)

    def leg_failed(self, number: int, leg: Leg, error: Exception) -> None:
        _log.error(
            "a defect of Sellia's own ended an exchange: session={session} id={id} error={error}",
            session=field(self.name),
            id=number,
            error=defect(error),
        )

    def _relieved(self, stream: Stream, limit: str) -> None:
        """Count a visitor's exchange that was reset because of a bound of the session."""
        self._keeper.guard.refused(limit, cast(VisitorLeg, stream.leg).visitor, OVERLOADED.code)

    # --- its link ------------------------------------------------------------------------------------------

    def link_away(self, now: float, heard: float) -> None:
        """Note the loss of the link, on which something was last received at ``heard``, and tell the legs."""
        self.lost_at, self.heard_at = now, heard
        self.at_loss = frozenset(self.mux.streams)
        for leg in self._legs():
            leg.link_away()

    def link_back(self, now: float) -> None:
        """Tell the legs that there is a link again, before anything is sent over it."""
        for leg in self._legs():
            leg.link_back(now - self.heard_at)

    def move_on(self, number: int) -> None:
        """Let what its client has not been sent of a tunnel in a pool look for another member."""
        for stream in list(self.mux.streams.values()):
            if stream.tunnel == number and not stream.announced:
                cast(VisitorLeg, stream.leg).link_away()

    @property
    def pings_answered(self) -> int:
        """WebSocket pings that this end has answered since the link was lost."""
        return sum(leg.pings_answered for leg in self._legs())

    def _legs(self) -> list[VisitorLeg]:
        return [cast(VisitorLeg, stream.leg) for stream in self.mux.streams.values()]

    def wait(self, seconds: float) -> None:
        """Expire unless :meth:`cancel_wait` is called within so many seconds."""
        self.cancel_wait()
        self._expiry = self._keeper.clock.callLater(seconds, self._keeper.expired, self)

    def cancel_wait(self) -> None:
        """Stop the timer of the resume window.  Harmless where it does not run."""
        expiry, self._expiry = self._expiry, None
        cancel(expiry)
