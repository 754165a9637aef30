"""Openings: what becomes of a stream that the server opens for a visitor."""

from collections.abc import Callable
from typing import Final, TypeAlias

from sellia.client.events import Report
from sellia.client.tunnel import Tunnel
from sellia.client.tunnels import Tunnels
from sellia.problems import CLIENT_GONE, NOT_ASKED
from sellia.protocol.messages import Opening, WebSocketRequest
from sellia.relay.mux.leg import NULL_LEG, Leg
from sellia.relay.mux.observer import StreamObserver
from sellia.relay.mux.stream import Stream

#: Why an exchange of a client that stops has ended.
STOPPED: Final = "the client was stopped"

#: Returns the leg of a stream whose request is held, from its tunnel, its opening, whether nothing follows that, the
#: listener and the observer; None for one that is not held.
Holder: TypeAlias = Callable[[Tunnel, Stream, Opening, bool, Report | None, StreamObserver], Leg | None]


def open_stream(
    tunnels: Tunnels,
    stream: Stream,
    opening: Opening,
    end: bool,
    report: Report | None,
    observer: StreamObserver | None,
    holder: Holder | None,
    *,
    leaving: bool,
) -> Leg:
    """Return the leg of a stream that the server has opened; ``leaving``: the client has been told to stop.

    Raises ProtocolError for a tunnel that was never asked for.
    """
    tunnel = tunnels.get(opening.tunnel) or tunnels.gone(opening.tunnel, stream.id)
    if tunnel is None:
        stream.reset(CLIENT_GONE, "the tunnel was closed")
        return NULL_LEG
    stream.tunnel = opening.tunnel
    if leaving and isinstance(opening, WebSocketRequest):
        stream.reset(NOT_ASKED if tunnel.settings.pool else CLIENT_GONE, STOPPED)
        return NULL_LEG
    if observer is not None and not tunnel.settings.inspect:
        observer = None
    if holder is not None and observer is not None:
        held = holder(tunnel, stream, opening, end, report, observer)
        if held is not None:
            return held
    return tunnel.routes.open_leg(tunnel.kind, stream, opening, end, report, observer)
