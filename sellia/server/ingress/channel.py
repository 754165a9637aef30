"""Base of the connections that carry visitors' requests.

A connection of our own (`sellia.server.ingress.connection`) carries requests one after the other, a request of
twisted.web's (`sellia.server.embedding.resource_request`) carries one.  Legs use both through
:class:`~sellia.server.ingress.exchange.Channel`.
"""

from typing import Any

from sellia.errors import ProblemError
from sellia.relay.http.error_responses import Answer, answer
from sellia.relay.http.forwarded import Origin, origin, port_of
from sellia.relay.mux.stream import StreamOwner
from sellia.server.ingress.affinity import NO_AFFINITY, Affinity
from sellia.server.ingress.exchange import VisitorHttpLeg
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.ingress import Ingress
from sellia.server.ingress.interim import through_a_proxy
from sellia.server.ingress.upgrade import VisitorUpgradeLeg


def error_response(error: ProblemError, request: Request | None, *, accept: bytes, target: bytes, realm: str) -> Answer:
    """Return the response that tells of an error in the form that the visitor can read best."""
    return answer(
        error.problem,
        accept=accept,
        host=request.hosts[0] if request is not None and request.hosts else b"",
        target=target,
        detail=error.detail,
        realm=realm,
        retry_after=error.retry_after,
        allow=error.allow,
        cross_origin=request is not None and bool(request.values(b"origin")),
    )


class VisitorChannel:
    """Connection with at most one exchange at a time, in ``exchange``.  Subclasses set what is only declared here."""

    ingress: Ingress

    transport: Any
    peer: str
    trusted: bool
    full: bool

    #: Address at the other end, in bytes for header fields (a unix socket has none).
    peer_bytes: bytes

    #: Scheme by which the visitor came: ``http`` or ``https``.
    scheme: bytes

    #: Affinity of the connection to clients' connections to their services.
    affinity: Affinity = NO_AFFINITY

    #: Address that the connection counts for besides its peer: that of a visitor who asks a trusted proxy for a
    #: WebSocket.
    counted: str = ""

    #: Whether its place is one in excess: nothing but a link may begin on it.
    lent: bool = False

    #: Classes of the legs for requests and for WebSocket handshakes.
    exchanges: type[VisitorHttpLeg]
    upgrades: type[VisitorUpgradeLeg]

    #: Whether its requests may switch to other protocols than WebSocket.
    switches = False

    #: Leg of the request that is being answered.
    exchange: VisitorHttpLeg | None

    def origin_of(self, request: Request) -> Origin:
        """Return where the request came from: behind a trusted proxy, what the proxy says."""
        host = request.hosts[0] if request.hosts else b""
        if self.trusted:
            trusted = self.ingress.trusted
            return origin(request.headers, peer=self.peer, scheme=self.scheme, host=host, trusted=trusted)
        return Origin(self.peer_bytes or b"unknown", self.scheme, host, port_of(host, self.scheme), self.peer)

    def visitor_of(self, request: Request) -> str:
        """Return the visitor's address for people: behind a trusted proxy, what the proxy says."""
        return self.origin_of(request).address if self.trusted else self.peer

    def takes_interim(self, request: Request) -> bool:
        """Return whether every interim response may be sent for this request (`sellia.server.ingress.interim`)."""
        if self.ingress.knows_interim.is_trusted(self.peer):
            return True
        return not self.trusted and not through_a_proxy(request)

    # --- the transport: a producer -------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """Stall the stream: the transport's buffer is full."""
        self.full = True
        if self.exchange is not None and self.exchange.stream is not None:
            self.exchange.stream.stall()

    def resumeProducing(self) -> None:
        """Let the stream flow: the visitor has taken all that was written."""
        raise NotImplementedError

    def stopProducing(self) -> None:
        """Do nothing: ``connectionLost`` follows."""

    # --- for exchanges -------------------------------------------------------------------------------------

    def exchange_begins(self, exchange: VisitorHttpLeg) -> None:
        """Make this leg the current one."""
        self.exchange = exchange

    def write(self, data: bytes) -> None:
        """Write to the visitor before the reactor's turn ends."""
        raise NotImplementedError

    def pause_reading(self) -> None:
        """Pause the request's body: its stream has enough, so it is the service that is waited for."""
        raise NotImplementedError

    def resume_reading(self) -> None:
        """Resume the request's body."""
        raise NotImplementedError

    def answer_error(
        self, error: ProblemError, request: Request | None, exchange: VisitorHttpLeg | None = None, realm: str = ""
    ) -> None:
        """Answer a request, or the exchange that it has become, with an error of Sellia's own."""
        raise NotImplementedError

    def exchange_over(self, exchange: VisitorHttpLeg) -> None:
        """Go on behind a complete response."""
        raise NotImplementedError

    def answered(self, session: StreamOwner) -> None:
        affinity = self.affinity
        if affinity.last is not session:
            affinity.answered(session)

    def break_off(self) -> None:
        """End a response as broken: what was written is sent, but nothing can take it for complete."""
        raise NotImplementedError

    # --- for who takes the socket over -----------------------------------------------------------------------

    def let_go(self) -> Any:
        """Return the transport for a protocol that registers itself as its producer; :meth:`become` follows."""
        raise NotImplementedError

    def become(self, protocol: Any) -> None:
        """Hand the socket over: from now on ``protocol`` gets its input and its end."""
        raise NotImplementedError

    # --- for the ingress -----------------------------------------------------------------------------------

    def drain(self) -> None:
        """Make the current exchange the last: the server is about to stop."""
        if self.exchange is not None:
            self.exchange.keep_alive = False
