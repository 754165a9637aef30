"""What a client has open at a moment, and what it has passed, counted when somebody asks.

Nothing is counted for it as messages pass: it reads what legs count anyway, which takes about a microsecond for each.
"""

from collections.abc import Iterable

from sellia.client.events import UnderWay
from sellia.client.local.http import ServiceHttpLeg
from sellia.client.local.switch import ServiceSwitchLeg
from sellia.client.local.tcp import ServiceTcpLeg
from sellia.relay.mux.stream import Stream
from sellia.transports.tcp.pipe import TcpPipe
from sellia.transports.websocket.pipe import WebSocketLeg


def under_way(streams: Iterable[Stream], pipes: Iterable[WebSocketLeg]) -> UnderWay:
    """Count the streams of a session, and its WebSockets, whose sockets may outlive their streams for a moment."""
    requests = websockets = connections = bytes_in = bytes_out = 0
    for pipe in pipes:
        websockets += 1
        bytes_in += pipe.record.from_visitor[1]
        bytes_out += pipe.record.to_visitor[1]
    for stream in streams:
        leg = stream.leg
        if isinstance(leg, WebSocketLeg):
            continue
        if isinstance(leg, TcpPipe):
            connections += 1
            bytes_in += leg.sent
            bytes_out += leg.received
        elif isinstance(leg, ServiceTcpLeg):
            connections += 1
        else:
            requests += 1
            if isinstance(leg, ServiceHttpLeg | ServiceSwitchLeg):
                bytes_in += leg.bytes_in
                bytes_out += leg.bytes_out
    return UnderWay(requests, websockets, connections, bytes_in, bytes_out)
