"""What the tests of WebSockets are written with: a visitor and a service, each on a socket in memory, and a session
between them.

A test is a script: one of the two sends frames, or ends its connection in some way, and what the other has received is
compared.  Time passes only when a test says so.
"""

from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from sellia.protocol.messages import WebSocketRequest
from sellia.relay.mux.stream import Stream
from sellia.transports.websocket.masking import mask
from sellia.transports.websocket.pipe import ServiceWebSocketFactory, VisitorWebSocketFactory, WebSocketLeg
from sellia.transports.websocket.record import WebSocketRecord
from tests.relay.scripts import Pair
from tests.server.support import LateTransport

TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
KEY = b"\x01\x02\x03\x04"

Frame = tuple[int, bytes]


def head(first: int, length: int, masked: bool) -> bytes:
    """The head of a frame, with `KEY` if it is masked."""
    bit = 0x80 if masked else 0
    if length < 126:
        data = bytes((first, bit | length))
    elif length < 0x10000:
        data = bytes((first, bit | 126)) + length.to_bytes(2, "big")
    else:
        data = bytes((first, bit | 127)) + length.to_bytes(8, "big")
    return data + KEY if masked else data


def frame(first: int, payload: bytes = b"", masked: bool = True) -> bytes:
    """A whole frame."""
    return head(first, len(payload), masked) + (mask(payload, KEY) if masked else payload)


def close(code: int | None = None, reason: str = "") -> Frame:
    """A close frame, as the tests compare it."""
    return CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason.encode()


def frames(data: bytes) -> tuple[list[Frame], bytes]:
    """The whole frames at the head of ``data``, unmasked, and what follows them."""
    found: list[Frame] = []
    while len(data) >= 2:
        first, length, masked, at = data[0], data[1] & 0x7F, data[1] & 0x80, 2
        if length > 125:
            size = 2 if length == 126 else 8
            length, at = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
        key, at = (data[at : at + 4], at + 4) if masked else (b"", at)
        if len(data) < at + length:
            break
        payload, data = data[at : at + length], data[at + length :]
        found.append((first, mask(payload, key) if masked and payload else payload))
    return found, data


class Peer:
    """The visitor, or the service: what it sends, what it has received, and how its connection ended."""

    def __init__(self, stage: "Sockets", stream: Stream, *, visitor: bool, **options: Any) -> None:
        self.stage = stage
        self.visitor = visitor
        self.transport: Any = options.pop("transport", None) or LateTransport()
        self.lost = False
        factory = VisitorWebSocketFactory(stage.clock) if visitor else ServiceWebSocketFactory(stage.clock)
        stream.session.name = "9f3a61c2"
        proxied = options.pop("proxied", "") if visitor else ""
        self.story = WebSocketRecord(
            2,
            "demo",
            b"/chat",
            "203.0.113.7",
            at_visitor=visitor,
            clock=stage.clock,
            id=stream.cause_id,
            proxied=proxied,
        )
        self.pipe = WebSocketLeg(
            factory,
            self.transport,
            stream,
            clock=stage.clock,
            record=self.story,
            **{"compressed": False, **options},
        )

    def raw(self, *pieces: bytes) -> None:
        """Octets, each piece by itself."""
        for piece in pieces:
            assert self.reading, "this would not be read"
            self.pipe.dataReceived(piece)
            self.stage.talk()

    def send(self, *sent: Frame) -> None:
        """Frames, all in one piece."""
        self.raw(b"".join(frame(first, payload, self.visitor) for first, payload in sent))

    def read(self) -> list[Frame]:
        """The frames that have come since the last time; part of one stays."""
        found, rest = frames(self.transport.value())
        self.transport.clear()
        self.transport.write(rest)
        return found

    @property
    def partial(self) -> bytes:
        """What has come of a frame that is not whole."""
        return frames(self.transport.value())[1]

    def full(self) -> None:
        """It takes nothing more, and the socket has filled up."""
        self.transport.full = True
        self.transport.producer.pauseProducing()
        self.stage.talk()

    def drained(self) -> None:
        """It has taken everything."""
        self.transport.full = False
        if self.transport.producer is not None:
            self.transport.producer.resumeProducing()
        self.stage.talk()

    def finish(self) -> None:
        """It has sent FIN."""
        self.pipe.readConnectionLost()
        self.stage.talk()

    def drop(self) -> None:
        """The connection is gone, whoever ended it."""
        self.vanish()
        self.stage.talk()

    def vanish(self) -> None:
        """The same, in the middle of a turn of the reactor."""
        if not self.lost:
            self.lost = True
            self.pipe.connectionLost(Failure(ConnectionLost()))

    @property
    def reading(self) -> bool:
        return self.transport.producerState == "producing" and not self.transport.disconnecting

    @property
    def end(self) -> str:
        """How we end its connection: ``open``, ``half`` closed, ``closed`` in order, or ``aborted``."""
        transport = self.transport
        if transport.aborted:
            return "aborted"
        return "closed" if transport.disconnecting else "half" if transport.half_closed else "open"


class Sockets:
    """An open WebSocket, from a visitor to a service.  Options are those of both pipes; ``socket`` is the visitor's."""

    def __init__(self, *, socket: Any = None, **options: Any) -> None:
        self.clock = Clock()
        self.pair = Pair()
        opening = WebSocketRequest(1, b"/chat", [])
        near, _, far, _ = self.pair.open(opening)
        self.near, self.far = near, far
        self.visitor = Peer(self, near, visitor=True, transport=socket, **options)
        options.pop("proxied", None)
        self.service = Peer(self, far, visitor=False, **options)

    def other(self, peer: Peer) -> Peer:
        return self.service if peer is self.visitor else self.visitor

    def talk(self) -> None:
        """Until nobody has anything to say, and all that waits for the end of the reactor's turn has been done."""
        self.pair.talk()
        while any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls()):
            self.clock.advance(0)
            self.pair.talk()

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)
        self.talk()

    def be_silent(self, seconds: int) -> None:
        """Time passes, and both ends look at their WebSockets every second, as they do."""
        for _ in range(seconds):
            self.wait(1)
            self.visitor.story.look(self.clock.seconds())
            self.service.story.look(self.clock.seconds())

    def check(self) -> None:
        """When both connections are gone, nothing is left behind."""
        self.visitor.drop()
        self.service.drop()
        for party in (self.pair.server, self.pair.client):
            assert not party.failures, party.failures
            assert not party.session.streams and not party.session.table.leaving, party.session.streams
            assert not party.session.table.held, "credit was not given back"
        assert self.clock.getDelayedCalls() == [], "a timer was left behind"
