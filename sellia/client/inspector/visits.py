"""Visits from the inspector: streams that are opened to a tunnel's service as the server would open them.

Need
    What is replayed or composed is to reach the service as a visitor's request does: through the tunnel's routes, its
    rewriting, its pooled connections and TLS, and through the capture, which then has a request and its answer like any
    other.

How
    Two sessions of this process are joined in memory.  The near one stands for the server, and its legs for visitors;
    the far one makes the tunnel's own legs.  Nothing of it goes over the link.

Bounds
    ``VISITS`` at once.  A request waits for its answer as long as its tunnel says, ``PATIENCE`` seconds otherwise.
"""

from typing import Any, Final, Protocol

from twisted.logger import Logger

from sellia.client.inspector.answers import ApiError
from sellia.client.inspector.socket_visits import Script, SocketVisit
from sellia.client.inspector.visit_leg import VisitLeg
from sellia.client.tunnel import Tunnel
from sellia.errors import ProblemError, ProtocolError
from sellia.inspector.capture import SessionCapture
from sellia.inspector.exchange import Exchange
from sellia.problems import CLIENT_GONE, INTERNAL
from sellia.protocol.messages import Headers, HttpRequest, Opening, SessionMessage, WebSocketRequest
from sellia.relay.mux.leg import NULL_LEG, Leg
from sellia.relay.mux.session import Session
from sellia.relay.mux.stream import Stream
from sellia.text import defect
from sellia.transports.original.memory_pipe import MemoryPipe
from sellia.transports.reactor.batching import batch_of

#: Visits at once.
VISITS: Final = 64

#: Seconds for the head of an answer, where the tunnel says nothing else.
PATIENCE: Final = 600.0

_log = Logger()


class Host(Protocol):
    """Client whose tunnels are visited."""

    @property
    def tunnels(self) -> Any:
        """The tunnels, a `sellia.client.tunnels.Tunnels`."""


class Visits:
    """Visits to the tunnels of one client; ``capture`` keeps what passes."""

    def __init__(self, host: Host, capture: SessionCapture, clock: Any) -> None:
        self._host = host
        self._clock = clock
        self.capture = capture
        self._turn = batch_of(clock)
        self._near = Session(self, self._turn.schedule, even=True)
        self._far = Session(self, self._turn.schedule, even=False)
        self._pipe = MemoryPipe(self._near, self._far, lambda: True, lambda: self._turn.schedule(self._pump))
        self._open: set[VisitLeg] = set()

    def request(self, opening: HttpRequest, body: bytes, trailers: Headers, **said: Any) -> Exchange:
        """Send a request, and return the exchange that it is.  Raises ApiError where it cannot be sent."""
        end = not (body or opening.chunked)
        leg = VisitLeg(self._clock, self._patience(opening.tunnel), self._open.discard)
        stream = self._begin(leg, opening, end, said)
        if not end and not leg.ended:
            if body:
                stream.send_data(body)
            stream.end(trailers)
        return self._begun(stream)

    def websocket(self, opening: WebSocketRequest, script: "Script", **said: Any) -> Exchange:
        """Open a WebSocket whose visitor does what ``script`` says, and return the exchange.  Raises ApiError."""
        leg = SocketVisit(script, self._clock, self._patience(opening.tunnel), self._open.discard)
        return self._begun(self._begin(leg, opening, False, said))

    def close(self) -> None:
        """End all visits: the client ends."""
        self._near.close(CLIENT_GONE, "the client was stopped")
        self._far.close(CLIENT_GONE, "the client was stopped")
        self._pipe.close()
        for leg in list(self._open):
            leg.finish()

    # --- inside -----------------------------------------------------------------------------------------------

    def _patience(self, number: int) -> float:
        tunnel = self._tunnel(number)
        seconds: float | None = tunnel.settings.request_timeout if tunnel is not None else None
        return seconds or PATIENCE

    def _tunnel(self, number: int) -> Tunnel | None:
        found: Tunnel | None = self._host.tunnels.get(number)
        return found

    def _begin(self, leg: VisitLeg, opening: Opening, end: bool, said: dict[str, Any]) -> Stream:
        if len(self._open) >= VISITS:
            leg.finish()
            raise ApiError(503, "too-many-visits", f"{VISITS} replays are under way already: wait until one has ended.")
        self._open.add(leg)
        try:
            stream = leg.stream = self._near.open(opening, leg, end=end)
        except ProblemError as error:
            leg.finish()
            raise ApiError(413, error.problem.code, str(error)) from None
        self.capture.expect(stream.id, origin="inspector", **said)
        return stream

    def _begun(self, stream: Stream) -> Exchange:
        self._near.flush()
        self._pump()
        exchange = self.capture.exchange(stream.id)
        if exchange is None:
            raise ApiError(422, "not-sent", "The request could not be sent: its tunnel does not take it.")
        return exchange

    def _pump(self) -> None:
        try:
            self._pipe.pump()
        except ProtocolError as error:
            _log.error("a defect of Sellia's own ended the visits of the inspector: error={error}", error=defect(error))
            self._near.close(INTERNAL, "")
            self._far.close(INTERNAL, "")

    # --- the owner of both sessions -----------------------------------------------------------------------------

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        tunnel = self._tunnel(opening.tunnel)
        if tunnel is None:
            stream.reset(CLIENT_GONE, "the tunnel was closed")
            return NULL_LEG
        stream.tunnel = opening.tunnel
        return tunnel.routes.open_leg(tunnel.kind, stream, opening, end, None, self.capture)

    def message_received(self, message: SessionMessage) -> None:
        """Nothing: neither end says anything."""

    def leg_failed(self, number: int, leg: Leg, error: Exception) -> None:
        _log.error("a defect of Sellia's own ended a replay: id={id} error={error}", id=number, error=defect(error))
