"""Kinds of tunnels at the client: which leg serves which opening of a visitor's stream.

Everything that depends on a tunnel's kind is in the one table here.  A kind that is new needs a row, and a leg that is
made from the same arguments as the others.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from sellia.client.events import Report
from sellia.client.local.http import ServiceHttpLeg
from sellia.client.local.service import LocalService
from sellia.client.local.switch import ServiceSwitchLeg
from sellia.client.local.tcp import ServiceTcpLeg
from sellia.client.local.udp import open_flow
from sellia.client.local.upgrade import ServiceUpgradeLeg
from sellia.errors import ProtocolError
from sellia.protocol.messages import (
    HttpRequest,
    Opening,
    TcpConnection,
    TunnelKind,
    UdpFlow,
    UpgradeRequest,
    WebSocketRequest,
)
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.observer import StreamObserver
from sellia.relay.mux.stream import Stream

#: Makes a leg from its service, its stream, the stream's opening, whether nothing follows that, the listener and the
#: observer, and, for HTTP, from the target that the service is asked for, where that is not the opening's.
LegFactory: TypeAlias = Callable[..., Leg]

#: By kind of tunnel, and by opening of a stream.
LEGS: Final[Mapping[TunnelKind, Mapping[type[Opening], LegFactory]]] = {
    TunnelKind.HTTP: {
        HttpRequest: ServiceHttpLeg,
        WebSocketRequest: ServiceUpgradeLeg,
        UpgradeRequest: ServiceSwitchLeg,
    },
    TunnelKind.TCP: {TcpConnection: ServiceTcpLeg},
    TunnelKind.TLS: {TcpConnection: ServiceTcpLeg},
    TunnelKind.UDP: {UdpFlow: open_flow},
}


def open_leg(
    kind: TunnelKind,
    service: LocalService,
    stream: Stream,
    opening: Opening,
    end: bool,
    report: Report | None = None,
    observer: StreamObserver | None = None,
    target: bytes | None = None,
) -> Leg:
    """Return the leg of a stream that the server has opened; ``end``: nothing follows the opening.

    ``report`` is told the events of the exchange, and ``observer`` all that passes.  ``target`` is what the service is
    asked for, if that is not the target of the opening.

    Raises ProtocolError for an opening that a tunnel of this kind cannot have.  Whatever else goes wrong resets the
    stream.
    """
    make = LEGS[kind].get(type(opening))
    if make is None:
        raise ProtocolError("a stream was opened that does not fit the kind of its tunnel")
    if target is None or target == opening.target:  # type: ignore[union-attr]  # only of HTTP is there one
        return make(service, stream, opening, end, report, observer)
    return make(service, stream, opening, end, report, observer, target)
