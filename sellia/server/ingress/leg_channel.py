"""Interface of the connection that carries a request, for the legs of exchanges and whoever answers requests."""

from typing import Any, Protocol, TypeVar

from twisted.internet.interfaces import IReactorTime

from sellia.errors import ProblemError
from sellia.relay.http.forwarded import Origin
from sellia.relay.mux.stream import StreamOwner
from sellia.server.ingress.http1 import Request
from sellia.server.limiter import Limiter
from sellia.server.settings import ServerSettings
from sellia.transports.reactor.batching import FlushBatch
from sellia.transports.websocket.pipe import VisitorWebSocketFactory

LegT = TypeVar("LegT", contravariant=True)


class Shared(Protocol):
    """State that the connections of one server share, as far as their legs use it."""

    settings: ServerSettings
    clock: IReactorTime
    guard: Limiter
    pipes: VisitorWebSocketFactory
    turn: FlushBatch
    connections: set[Any]


class LegChannel(Protocol[LegT]):
    """Connection that carries a request, as the request's leg and the base domain use it."""

    peer: str  #: address of the other end of the socket, empty for a unix socket
    trusted: bool  #: whether the peer is a trusted proxy
    full: bool  #: whether the transport's buffer is full

    @property
    def ingress(self) -> Shared:
        """Shared state of the server's connections."""

    @property
    def transport(self) -> Any:
        """Transport of the socket."""

    def origin_of(self, request: Request) -> Origin:
        """Return where the request came from: behind a trusted proxy, what the proxy says."""

    def visitor_of(self, request: Request) -> str:
        """Return the visitor's address: behind a trusted proxy, the one that the proxy names."""

    def takes_interim(self, request: Request) -> bool:
        """Return whether every interim response may be sent for this request."""

    def exchange_begins(self, exchange: LegT) -> None:
        """Make this leg the current one."""

    def write(self, data: bytes) -> None:
        """Write to the visitor before the reactor's turn ends."""

    def pause_reading(self) -> None:
        """Pause the request's body: its stream has enough, so it is the service that is waited for."""

    def resume_reading(self) -> None:
        """Resume the request's body."""

    def answer_error(
        self, error: ProblemError, request: Request | None, exchange: LegT | None = None, realm: str = ""
    ) -> None:
        """Answer a request, or the exchange that it has become, with an error of Sellia's own."""

    def exchange_over(self, exchange: LegT) -> None:
        """Go on behind a complete response."""

    def answered(self, session: StreamOwner) -> None:
        """Note that a client has completed a response, so it may keep a connection to its service for this visitor."""

    def break_off(self) -> None:
        """End a response as broken: what was written is sent, but nothing can take it for complete."""

    def let_go(self) -> Any:
        """Return the transport for a protocol that registers itself as its producer; :meth:`become` follows."""

    def become(self, protocol: Any) -> None:
        """Hand the socket over: from now on ``protocol`` gets its input and its end."""
