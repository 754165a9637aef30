"""The upstream of a tunnel: where its requests go, as the ingress sees it.

Need
    The ingress opens a stream on whatever a name is bound to, and asks before whether there is room for one.  That is
    one client's session in this process, or a pool of them; a session in another process would look the same.

Bounds
    Exchanges of one session, and of one of its tunnels; requests that came while its link is away; what waits in the
    session to be sent.  ``docs/security.rst`` has the limits by the names that ``refusal`` returns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sellia.problems import Problem
from sellia.protocol.messages import Headers, Notice, Opening, ResponseHead
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.session import Session
from sellia.relay.mux.stream import Stream


class VisitorLeg(Leg, Protocol):
    """A leg on the visitor's side, as the upstream that carries its stream sees it."""

    @property
    def visitor(self) -> str:
        """The visitor's address, for people."""

    @property
    def pings_answered(self) -> int:
        """WebSocket pings that this end has answered since the link was lost."""

    def link_away(self) -> None:
        """The link that carried the stream is lost; the stream waits for another."""

    def link_back(self, seconds: float) -> None:
        """There is a link again, after ``seconds`` in which nothing was received: extend what has been waited for."""


class Placement(Protocol):
    """The place of an exchange in a pool, which may change as long as no service has heard of it."""

    @property
    def opening(self) -> Opening:
        """The opening, as it goes to a service; which tunnel it names, depends on the member."""

    def keep(self, data: bytes) -> None:
        """Keep bytes of the request's body for another member, as far as there is room."""

    def complete(self, trailers: Headers) -> None:
        """Note the end of the request."""

    def again(self, problem: Problem) -> Stream | None:
        """Open the stream anew at another member, if ``problem`` says that nothing has reached the service of this one.

        All that was kept has been sent on it.  None where that is not safe, or nobody is left.
        """

    def reached(self) -> None:
        """Let go of what was kept: the service has heard of the request."""

    def answered(self, head: ResponseHead, secure: Callable[[], bool]) -> ResponseHead:
        """Return the head of the response as the visitor is to see it, who may have come over TLS."""


class PlacedLeg(VisitorLeg, Protocol):
    """A leg of a visitor that knows of pools."""

    placement: Placement | None  #: its place in a pool, which the pool sets before it opens the stream


class Upstream(Protocol):
    """The destination that a tunnel's name is bound to."""

    @property
    def attached(self) -> bool:
        """Whether it can be reached now; streams that are opened meanwhile wait for its link."""

    @property
    def closed(self) -> bool:
        """Whether it is over: nothing can be opened any more."""

    def open(self, opening: Opening, leg: VisitorLeg, *, end: bool = False) -> Stream:
        """Open a stream with ``leg`` at this end; ``end`` says that nothing follows its opening.

        Raises ProblemError if the upstream is closed or full, or the opening too long.
        """

    def refusal(self, tunnel_id: int) -> str | None:
        """Return the limit that another exchange of the tunnel with this number would break, or None."""

    def notify(self, notice: Notice, now: float) -> None:
        """Send the client a notice of a refused request, as far as the rate of notices allows."""


@dataclass(slots=True)
class ExchangeLimits:
    """The limits on exchanges that a session does not apply by itself; sessions share one, which may change."""

    tunnel_streams: int  #: exchanges of one tunnel at once
    away_requests: int  #: exchanges that may begin while the link is away

    def refusal(self, session: Session, tunnel_id: int, at_loss: int) -> str | None:
        """Return the limit that another exchange would break; ``at_loss`` streams were open when the link was lost."""
        table = session.table
        if table.ours >= session.max_streams:
            return "session_streams"
        if table.by_tunnel.get(tunnel_id, 0) >= self.tunnel_streams:
            return "tunnel_streams"
        if not session.out.attached and len(session.streams) - at_loss >= self.away_requests:
            return "away_requests"
        return "session_queue" if table.queued >= session.load.queue_limit else None
