"""What the tests of the client's legs are written with: a service in memory, and a session that leads to it.

A test is a script of three parties: the ``visitor`` (a stream's leg at the server's end), the client, whose legs are
what is tested, and a ``service`` connection on which the test sees what was asked and says what is answered.
"""

from typing import Any

from msgspec import structs
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from sellia.client.events import Event
from sellia.client.local.connection import HttpConnection
from sellia.client.local.kinds import open_leg
from sellia.client.local.routes import Routes
from sellia.client.local.service import LocalService
from sellia.protocol.messages import (
    HttpRequest,
    Opening,
    Reset,
    ResponseHead,
    TcpConnection,
    TunnelKind,
    WebSocketRequest,
)
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.observer import StreamObserver
from sellia.relay.mux.stream import Stream
from sellia.targets import Target, TargetKind
from tests.logs import log_events
from tests.relay.scripts import Pair, RecordingLeg

HOST = (b"Host", b"demo.localhost")
GET = HttpRequest(1, b"GET", b"/", [HOST], "203.0.113.7")
POST = HttpRequest(1, b"POST", b"/in", [HOST, (b"Content-Length", b"5")], "203.0.113.7")
CHUNKED = HttpRequest(1, b"POST", b"/in", [HOST], "203.0.113.7", chunked=True)
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
UPGRADE = WebSocketRequest(
    1, b"/chat", [HOST, (b"Sec-WebSocket-Key", KEY), (b"Sec-WebSocket-Version", b"13")], "203.0.113.7"
)
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class ServiceTransport(StringTransport):
    """The client's socket to the service; ``taken`` is what the service read, whole."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Memory has no Nagle."""

    def abortConnection(self) -> None:
        self.aborted = True

    def full(self) -> None:
        """The service reads no more, and the socket has filled up."""
        self.producer.pauseProducing()

    def drained(self) -> None:
        """The service has read everything."""
        self.producer.resumeProducing()


class Service:
    """One connection as the service sees it."""

    def __init__(self, factory: Any) -> None:
        self.protocol = factory.buildProtocol(None)
        self.transport = ServiceTransport()
        self.protocol.makeConnection(self.transport)

    def read(self) -> bytes:
        """What has come since the last time."""
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    def say(self, *pieces: bytes) -> None:
        """Each piece arrives at the client by itself."""
        for piece in pieces:
            self.protocol.dataReceived(piece)

    def close(self) -> None:
        """End the connection in order."""
        self._end(ConnectionDone())

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        self._end(ConnectionLost())

    def _end(self, error: Exception) -> None:
        if self.transport.producer is not None:
            self.transport.producer.stopProducing()
            self.transport.producer = None
        self.protocol.connectionLost(Failure(error))

    @property
    def open(self) -> bool:
        """Whether the client wants this connection still."""
        return not (self.transport.aborted or self.transport.disconnecting)


class Visitor(RecordingLeg):
    """The server's end of one stream."""

    stream: Stream

    def head_received(self, head: ResponseHead) -> None:
        """As a visitor would: a body that comes with the head is a body like any other."""
        super().head_received(structs.replace(head, body=b""))
        if head.body:
            self.data_received(head.body)

    @property
    def heads(self) -> list[ResponseHead]:
        return [event[1] for event in self.events if event[0] == "head"]  # type: ignore[misc]

    @property
    def statuses(self) -> list[int]:
        return [head.status for head in self.heads]

    @property
    def why(self) -> str:
        """The message of the reset."""
        return next(str(event[2]) for event in self.events if event[0] == "reset")


def target(host: str, port: int, scheme: str = "http") -> Target:
    """A service at an address."""
    return Target(TargetKind.ADDRESS, scheme, host, port)


def only(service: LocalService) -> Routes:
    """Routes of which all lead to one service."""
    return Routes([("/", False, service)])


class Stage:
    """A session, joined in memory, whose client's end points to one service."""

    def __init__(self, host: str = "127.0.0.1", scheme: str = "http", **settings: Any) -> None:
        self.reactor = MemoryReactorClock()
        self.service = LocalService(self.reactor, target(host, 8080, scheme), **settings)
        self.pair = Pair()
        self.pair.client.stream_opened = self._opened  # type: ignore[assignment]
        self.pair.client.session.late_reset = self._late_reset
        self.client_streams: dict[int, Stream] = {}
        self.events: list[Event] = []
        self.listening = True
        self.observer: StreamObserver | None = None

    def _late_reset(self, number: int, reset: Reset) -> None:
        self.service.finished.reset(number, reset, "-")

    def _opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        self.client_streams[stream.id] = stream
        kind = TunnelKind.TCP if isinstance(opening, TcpConnection) else TunnelKind.HTTP
        report = self.events.append if self.listening else None
        return open_leg(kind, self.service, stream, opening, end, report, self.observer)

    def ask(self, opening: Opening = GET, *, end: bool = True, body: bytes = b"") -> Visitor:
        """A visitor opens a stream."""
        visitor = Visitor()
        visitor.stream = self.pair.server.open(opening, end=end and not body, leg=visitor)
        if body:
            visitor.stream.send_data(body, end=end)
        self.talk()
        return visitor

    @property
    def dials(self) -> list[Any]:
        """Attempts to connect that nobody has answered."""
        return self.reactor.tcpClients

    def accept(self) -> Service:
        """The service accepts the oldest connection that is waiting."""
        service = Service(self.dials.pop(0)[2])
        self.talk()
        return service

    def refuse(self, error: Exception | None = None) -> None:
        """It does not."""
        self.dials.pop(0)[2].clientConnectionFailed(None, Failure(error or ConnectionRefusedError()))
        self.talk()

    def connection_of(self, visitor: Visitor) -> HttpConnection:
        """The client's connection on which it serves this visitor."""
        leg: Any = self.client_streams[visitor.stream.id].leg
        connection: HttpConnection = leg._connection
        return connection

    def pooled(self) -> Service:
        """A connection that has served a request before and waits for the next."""
        self.ask()
        service = self.accept()
        service.say(HELLO)
        self.talk()
        service.read()
        self.events.clear()
        return service

    def talk(self) -> None:
        """Until nobody has anything to say, and all that waits for the end of the reactor's turn has been done."""
        self.pair.talk()
        self.reactor.advance(0)
        self.pair.talk()

    def check(self) -> None:
        """Nothing is left behind when every exchange is over."""
        assert not self.pair.client.failures, self.pair.client.failures
        assert not self.pair.client.session.streams, self.pair.client.session.streams
        assert not self.pair.client.session.table.held, "credit was not given back"
        assert not len(self.service.slow), "a deadline was left behind"
        self.service.stop()


class LogLines:
    """Collects what is logged, as text, while a test runs."""

    def __init__(self, case: Any) -> None:
        self.events = log_events(case)

    @property
    def lines(self) -> list[str]:
        from twisted.logger import formatEvent

        return [formatEvent(event) for event in self.events]
