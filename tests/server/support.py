"""What the tests of the public side are written with: visitors, an ingress, and the far end of a session, in memory.

A test is a script of two parties: a `Visitor`, whose connection is what is tested, and the `Service`, which stands for
the client and all behind it: it is told what opens a stream, and answers on it.  Time passes only when a test says so.
"""

from collections.abc import Iterator
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProblemError
from sellia.problems import (
    CLIENT_GONE,
    NO_SUCH_PAGE,
    NO_SUCH_TUNNEL,
    SERVICE_DIED,
    UPGRADE_REQUIRED,
    Problem,
    problem_of,
)
from sellia.protocol.messages import (
    Headers,
    HttpRequest,
    Notice,
    Opening,
    ResponseHead,
    TunnelOptions,
    WebSocketRequest,
)
from sellia.relay.access import AccessList
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.session import Session
from sellia.relay.mux.stream import Stream
from sellia.relay.mux.upstream import ExchangeLimits
from sellia.relay.registry import Tunnel
from sellia.relay.rules import rules_of
from sellia.relay.secrets import basic_auth_digest
from sellia.server.ingress.connection import VisitorConnection
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.ingress import Ingress
from sellia.server.listeners.factory import VisitorFactory
from sellia.server.notices import Notices
from sellia.server.settings import ServerSettings
from tests.logs import log_lines
from tests.relay.scripts import Pair, RecordingLeg

GET = b"GET / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
UPGRADE = (
    b"GET /chat HTTP/1.1\r\nHost: demo.localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n\r\n"
)
SWITCHING = ResponseHead(101, b"Switching Protocols", [(b"Upgrade", b"websocket"), (b"Sec-WebSocket-Accept", ACCEPT)])
VISITOR = "203.0.113.7"
NO_OPTIONS = TunnelOptions()


def get(path: bytes = b"/", *fields: bytes, host: bytes = b"demo.localhost", method: bytes = b"GET") -> bytes:
    """A request without a body."""
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (method, path, host, b"".join(each + b"\r\n" for each in fields))


def post(body: bytes, *fields: bytes, length: int | None = None) -> bytes:
    """A request with a Content-Length, that of ``body`` unless another is given."""
    size = b"Content-Length: %d" % (len(body) if length is None else length)
    return get(b"/in", size, *fields, method=b"POST") + body


def chunked(*chunks: bytes) -> bytes:
    """The start of a request with a chunked body, and these chunks of it."""
    head = get(b"/in", b"Transfer-Encoding: chunked", method=b"POST")
    return head + b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in chunks)


class VisitorTransport(StringTransport):
    """A visitor's socket.  What a real one keeps to itself when it is closing, it keeps to itself too."""

    def __init__(self, host: str = VISITOR) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", host, 50000), lenient=True)
        self.aborted = False
        self.half_closed = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Memory has no Nagle."""

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()


class LateTransport(VisitorTransport):
    """A socket that refuses to be closed while its producer is paused, as Twisted's do."""

    full = False

    def loseConnection(self) -> None:
        assert self.aborted or not (self.full and self.producer is not None), "it would never close"
        super().loseConnection()


class Visitor:
    """One connection, as who made it sees it."""

    def __init__(self, stage: "PublicSide", transport: VisitorTransport) -> None:
        self.stage = stage
        self.transport = transport
        self.lost = False
        self.connection: Any = stage.factory.buildProtocol(transport.getPeer())
        self.connection.makeConnection(transport)

    def send(self, *pieces: bytes) -> None:
        """Each piece arrives by itself; nothing does while reading is paused or the connection is closed."""
        for piece in pieces:
            assert self.reading, "this would not be read"
            self.connection.dataReceived(piece)
            self.stage.talk()

    def read(self) -> bytes:
        """What has come since the last time."""
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    def full(self) -> None:
        """The visitor takes nothing more, and the socket has filled up."""
        self.transport.full = True  # type: ignore[attr-defined]
        self.transport.producer.pauseProducing()
        self.stage.talk()

    def drained(self) -> None:
        """It has taken everything."""
        self.transport.full = False  # type: ignore[attr-defined]
        if self.transport.producer is not None:
            self.transport.producer.resumeProducing()
        self.stage.talk()

    def finish(self) -> None:
        """The visitor has sent FIN."""
        self.connection.readConnectionLost()
        self.stage.talk()

    def leave(self) -> None:
        """The connection is gone, whoever ended it."""
        if not self.lost:
            self.lost = True
            self.connection.connectionLost(Failure(ConnectionDone()))
            self.stage.talk()

    @property
    def reading(self) -> bool:
        """Whether what is sent would be read now."""
        return self.transport.producerState == "producing" and not self.transport.disconnecting

    @property
    def end(self) -> str:
        """How the connection ends: ``open``, ``half`` closed, ``closed`` in order, or ``aborted``."""
        transport = self.transport
        if transport.aborted:
            return "aborted"
        return "closed" if transport.disconnecting else "half" if transport.half_closed else "open"


class Service(RecordingLeg):
    """The far end of one stream: what was asked, and how it is answered."""

    stream: Stream
    opening: HttpRequest | WebSocketRequest
    no_body: bool
    stage: "PublicSide"

    def head(self, status: int = 200, *headers: tuple[bytes, bytes], reason: bytes = b"OK") -> None:
        """The head of an answer."""
        self.stream.send_head(ResponseHead(status, reason, list(headers)))
        self.stage.talk()

    def answer(self, body: bytes = b"", *headers: tuple[bytes, bytes], status: int = 200) -> None:
        """A whole answer with a Content-Length."""
        self.head(status, (b"Content-Length", b"%d" % len(body)), *headers)
        self.say(body, end=True)

    def say(self, data: bytes = b"", *, end: bool = False, trailers: Headers | None = None) -> None:
        """Part of the body, and perhaps its end."""
        if data:
            self.stream.send_data(data)
        if end:
            self.stream.end(trailers)
        self.stage.talk()

    def fail(self, word: str, message: str = "") -> None:
        """It is over."""
        self.stream.reset(problem_of(word), message)
        self.stage.talk()

    def switch(self, *headers: tuple[bytes, bytes]) -> None:
        """Agree to the upgrade."""
        self.stream.send_head(ResponseHead(101, SWITCHING.reason, [*SWITCHING.headers, *headers]))
        self.stage.talk()

    @property
    def target(self) -> bytes:
        return self.opening.target

    @property
    def frames(self) -> list[tuple[object, ...]]:
        """All WebSocket frames that came, as first octet and payload."""
        return [event[1:] for event in self.events if event[0] == "frame"]

    def value(self, name: bytes) -> bytes | None:
        """The value of the one field of that name that the service sees, if there is one."""
        found = [value for each, value in self.opening.headers if each.lower() == name.lower()]
        assert len(found) <= 1, found
        return found[0] if found else None


class SessionUpstream:
    """A session as the ingress has it."""

    def __init__(self, session: Session, settings: ServerSettings, clock: Any) -> None:
        self.session = session
        session.name = "9f3a61c2"
        self.notices = Notices(clock)
        self._limits = ExchangeLimits(settings.tunnel_streams, settings.away_requests)

    def open(self, opening: Opening, leg: Leg, *, end: bool = False) -> Stream:
        return self.session.open(opening, leg, end=end)

    @property
    def attached(self) -> bool:
        return self.session.attached

    @property
    def closed(self) -> bool:
        return self.session.closed

    def refusal(self, tunnel_id: int) -> str | None:
        return self._limits.refusal(self.session, tunnel_id, 0)

    def notify(self, notice: Notice, now: float) -> None:
        self.notices.send(self.session, notice, now)


class Tunnels:
    """The registry, as the ingress has it."""

    def __init__(self) -> None:
        self.by_name: dict[str, Tunnel[SessionUpstream]] = {}

    def find(self, label: str) -> Tunnel[SessionUpstream] | None:
        return self.by_name.get(label)


class Rooms:
    """The base domain, as the ingress has it: writes down what it is asked for."""

    def __init__(self) -> None:
        self.pages: list[bytes] = []
        self.links: list[Request] = []
        self.refusal: Problem | None = None

    def is_gateway(self, request: Request, path: bytes) -> bool:
        return path == b"/ws"

    def take_link(self, connection: VisitorConnection, request: Request) -> None:
        self.links.append(request)
        connection.answer_error(ProblemError(UPGRADE_REQUIRED), request)

    def page(self, connection: VisitorConnection, request: Request, path: bytes) -> None:
        self.pages.append(path)
        connection.answer_error(ProblemError(NO_SUCH_PAGE), request)

    def why_absent(self, label: str) -> Problem:
        return CLIENT_GONE if label == "gone" else NO_SUCH_TUNNEL

    def refusing(self) -> Problem | None:
        return self.refusal


class PublicSide:
    """An ingress with the tunnel ``demo`` open, and ``locked``, which asks for a password."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.settings = ServerSettings(**settings)
        self.pair = Pair()
        self.pair.client.stream_opened = self._opened  # type: ignore[assignment]
        self.upstream = SessionUpstream(self.pair.server.session, self.settings, self.clock)
        self.tunnels = Tunnels()
        self.rooms = Rooms()
        rooms: Any = self.rooms
        self.ingress = Ingress(self.settings, self.tunnels, rooms, self.clock)
        self.factory = VisitorFactory(self.ingress)
        #: Every stream that was opened, in order, as the service sees it.
        self.asked: list[Service] = []
        self.visitors: list[Visitor] = []
        self.open_tunnel("demo")
        self.open_tunnel("locked", "ann:s3cret")

    def open_tunnel(self, label: str, auth: str | None = None, options: TunnelOptions = NO_OPTIONS) -> None:
        """A tunnel of that name, on the one session there is."""
        digest = None if auth is None else basic_auth_digest(auth)
        access = AccessList(options.allow, options.deny) if options.allow or options.deny else None
        rules = rules_of(options, access, password=digest is not None)
        made = Tunnel(label, self.upstream, 1, "owner", digest, options=options, access=access, rules=rules)
        self.tunnels.by_name[label] = made

    def _opened(self, stream: Stream, opening: HttpRequest | WebSocketRequest, end: bool) -> Service:
        service = Service()
        service.stream, service.opening, service.no_body, service.stage = stream, opening, end, self
        self.asked.append(service)
        return service

    def visitor(self, *pieces: bytes, host: str = VISITOR) -> Visitor:
        """Somebody connects, and sends these pieces."""
        visitor = Visitor(self, LateTransport(host))
        self.visitors.append(visitor)
        visitor.send(*pieces)
        return visitor

    def ask(self, request: bytes = GET) -> tuple[Visitor, Service]:
        """A new visitor's request, as it reaches the service."""
        before = len(self.asked)
        visitor = self.visitor(request)
        [service] = self.asked[before:]
        return visitor, service

    def talk(self) -> None:
        """Until nobody has anything to say, and all that waits for the end of the reactor's turn has been done."""
        self.pair.talk()
        while any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls()):
            self.clock.advance(0)
            self.pair.talk()

    def wait(self, seconds: float) -> None:
        """Time passes, and the ingress looks at it once a second."""
        for _ in range(int(seconds)):
            self.clock.advance(1)
            self.ingress.sweep()
            self.talk()

    def check(self) -> None:
        """When everybody has left, nothing is left behind."""
        for visitor in self.visitors:
            visitor.leave()
        for service in self.asked:
            service.stream.reset(SERVICE_DIED)
        self.talk()
        session = self.pair.server.session
        assert not self.pair.server.failures, self.pair.server.failures
        assert not session.streams and not session.table.leaving, session.streams
        assert not session.table.held, "credit was not given back"
        assert not self.ingress.connections, "a connection is still watched"
        assert not self.ingress.guard.connections.count, "a connection is still counted"
        assert self.clock.getDelayedCalls() == [], "a timer was left behind"


def answers(data: bytes) -> list[tuple[int, str | None]]:
    """Each answer of Sellia's own, or of a service that sends no bodies but by Content-Length: status and word."""
    return [(status, word) for status, word, _ in _answers(data)]


def _answers(data: bytes) -> Iterator[tuple[int, str | None, bytes]]:
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        line, *lines = head.split(b"\r\n")
        fields = {name.lower(): value for name, _, value in (each.partition(b": ") for each in lines)}
        word = fields.get(b"sellia-error")
        size = int(fields.get(b"content-length", b"0"))
        body, data = data[:size], data[size:]
        yield int(line.split(b" ")[1]), None if word is None else word.decode(), body


class ServerCase(SynchronousTestCase):
    """A test with a `PublicSide`, which is checked when it is over; an error that is logged fails it."""

    settings: dict[str, Any] = {}

    def setUp(self) -> None:
        self.stage = PublicSide(**self.settings)

    def tearDown(self) -> None:
        self.stage.check()

    def logged(self) -> list[str]:
        """What is logged from now on, as text."""
        return log_lines(self)

    def assert_counted(self, **limits: int) -> None:
        """These limits were reached, so many times each, and no others."""
        self.assertEqual(self.stage.ingress.guard.refusals.as_dict(), limits)

    def assert_answers(self, visitor: Visitor, *expected: tuple[int, str | None]) -> None:
        """These answers have come, and no more."""
        self.assertEqual(answers(visitor.read()), list(expected))
