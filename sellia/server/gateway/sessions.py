"""One client's session, as the server has it: whose it is, what it may do, and how long it waits for a link."""

import secrets
from collections.abc import Hashable
from typing import TYPE_CHECKING, Final

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from sellia.errors import ProblemError, ProtocolError
from sellia.problems import CLIENT_GONE, OVERLOADED
from sellia.protocol.messages import Notice, Opening, SessionMessage
from sellia.relay.limits.token_bucket import Bucket, Rate
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.session import Session
from sellia.relay.mux.stream import Stream
from sellia.server.ingress.exchange import VisitorHttpLeg
from sellia.server.notices import Notices
from sellia.text import defect, field
from sellia.transports.link.keeper import Link
from sellia.transports.websocket.pipe import WebSocketLeg

if TYPE_CHECKING:
    from sellia.server.gateway.gateway import Gateway

#: Octets of a resume token.
_TOKEN: Final = 16

_log = Logger()


class ServerSession:
    """The owner of a session of the relay, and the key to its tunnels."""

    def __init__(self, gateway: "Gateway", owner: Hashable, remote: str) -> None:
        settings = gateway.settings
        self.gateway = gateway
        self.owner = owner
        #: Whom it counts for, and how often it may ask for names.
        self.counts_as: Hashable = owner
        self.claims = Bucket(Rate(settings.tunnel_burst, settings.tunnel_rate)) if settings.rate_limit else None
        self.remote = remote
        self.token = secrets.token_bytes(_TOKEN)
        self.link: Link | None = None
        #: The number of the hello that it last went on with.
        self.attempt = 0
        self.session = Session(
            self,
            gateway.turn.later,
            even=True,
            max_streams=settings.session_streams,
            held_limit=settings.session_credit,
            queue_limit=settings.session_queue,
        )
        self.session.relieved = self._relieved
        #: Numbers of tunnels whose claim is not decided yet.
        self.claiming: set[int] = set()
        #: Whether its client has said that it would stop.
        self.stops = False
        #: Names that it had until its client said that it would stop, each with its owner.
        self.left: list[tuple[str, Hashable]] = []
        #: Numbers of the streams that were open when its link was lost; the others have come since.
        self.at_loss: frozenset[int] = frozenset()
        #: When the loss of its link was noticed, and when something came over it for the last time.
        self.lost_at = self.heard_at = 0.0
        self._expiry: IDelayedCall | None = None
        self._exchanges = gateway.guard.exchanges
        self._notices = Notices()

    @property
    def name(self) -> str:
        """For the log: enough of the token to tell sessions apart, too little to guess the rest."""
        return self.token[:4].hex()

    @property
    def footprint(self) -> int:
        """Bytes that wait in it, those included that wait for a client of the original dialect."""
        bridge = getattr(self.link, "bridge", None)
        return self.session.footprint + (bridge.session.footprint if bridge is not None else 0)

    # --- an Upstream ---------------------------------------------------------------------------------------

    @property
    def attached(self) -> bool:
        return self.session.attached

    @property
    def closed(self) -> bool:
        return self.session.closed

    def open(self, opening: Opening, leg: Leg, *, end: bool = False) -> Stream:
        session = self.session
        if session.closed:
            raise ProblemError(CLIENT_GONE)
        if session.full:
            raise ProblemError(OVERLOADED)
        return session.open(opening, leg, end=end)

    def refusal(self, tunnel_id: int) -> str | None:
        return self._exchanges.refusal(self.session, tunnel_id, len(self.at_loss))

    def notify(self, notice: Notice, now: float) -> None:
        self._notices.send(self.session, notice, now)

    # --- a session's owner ---------------------------------------------------------------------------------

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        raise ProtocolError("a client opens no streams")

    def message_received(self, message: SessionMessage) -> None:
        self.gateway.session_message(self, message)

    def leg_failed(self, number: int, leg: Leg, error: Exception) -> None:
        _log.error(
            "a defect of Sellia's own ended an exchange: session={session} id={id} error={error}",
            session=field(self.name),
            id=number,
            error=defect(error),
        )

    def _relieved(self, stream: Stream, limit: str) -> None:
        """A visitor's exchange was ended because of a bound of the session."""
        self.gateway.guard.refused(limit, _visitor(stream.leg), "overloaded")

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


def _visitor(leg: Leg) -> str:
    """Who waits for an exchange, for the log."""
    if isinstance(leg, WebSocketLeg):
        return leg.visitor
    return leg.connection.visitor_of(leg.request) if isinstance(leg, VisitorHttpLeg) else ""
