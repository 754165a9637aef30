"""A whole server in memory, and clients that speak the dialect to it octet by octet."""

from random import Random
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol import native
from sellia.protocol.messages import (
    VERSION,
    Ack,
    Hello,
    LinkMessage,
    OpenTunnel,
    Ping,
    Pong,
    SessionMessage,
    TunnelReady,
    TunnelRefused,
    Welcome,
)
from sellia.server.gateway.keys import KeyStore
from sellia.server.service import ServerService
from sellia.server.settings import ServerSettings
from tests.relay.scripts import Party
from tests.server.support import KEY, VisitorTransport, get
from tests.transports.support import BINARY, Frame, frame, frames

GATEWAY = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\nSec-WebSocket-Protocol: sellia.v1\r\n\r\n"
)


class Wire:
    """One connection to the server, of whoever."""

    def __init__(self, server: "Server", host: str) -> None:
        self.server = server
        self.transport = VisitorTransport(host)
        self.protocol: Any = server.service.factory.buildProtocol(IPv4Address("TCP", host, 50000))
        self.protocol.makeConnection(self.transport)
        self.lost = False
        server.wires.append(self)

    def send(self, data: bytes) -> None:
        self.protocol.dataReceived(data)
        self.server.talk()

    def take(self) -> bytes:
        """What has come since the last time."""
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    def lose(self) -> None:
        """The connection is gone."""
        if not self.lost:
            self.lost = True
            self.protocol.connectionLost(Failure(ConnectionDone()))
            self.server.talk()

    @property
    def closed(self) -> bool:
        """Whether the server has closed it, in whichever way."""
        return self.transport.disconnecting or self.transport.half_closed


class Client:
    """One client: its session, and the link that it has now.  It answers pings unless it is ``silent``."""

    def __init__(self, server: "Server", host: str = "198.51.100.1") -> None:
        self.server = server
        self.host = host
        self.party = Party(even=False)
        self.writable = True
        self.silent = False
        self.token: bytes | None = None
        self.heard: list[LinkMessage] = []
        self.closes: list[Frame] = []
        self.wire: Wire
        self._rest = b""
        server.clients.append(self)

    def dial(self) -> "Client":
        """A new link, on which nothing has been said; an old one is left as it is."""
        wire = Wire(self.server, self.host)
        wire.send(GATEWAY.replace(b"localhost", self.server.service.settings.domain.encode()))
        head, end, self._rest = wire.take().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ") and end, head
        self.wire = wire
        self.heard.clear()
        self.closes.clear()
        return self

    def hello(self, key: str | None = None, version: int = VERSION) -> "Client":
        """Say who it is, and go on with its session if it has one."""
        self.say(Hello(version, "test/1", key=key, session=self.token, received=self.party.session.received))
        return self

    def connect(self, key: str | None = None) -> "Client":
        return self.dial().hello(key)

    # --- out -----------------------------------------------------------------------------------------------

    def say(self, message: LinkMessage) -> None:
        self.octets(frame(BINARY, native.encode_link(message)))

    def octets(self, data: bytes) -> None:
        """Whatever it is, on the link."""
        self.wire.send(data)

    def send(self, message: bytes) -> None:
        """For its session, of which it is the link."""
        self.wire.protocol.dataReceived(frame(BINARY, message))

    def tell(self, message: SessionMessage) -> None:
        """Say something about the session."""
        self.party.session.send_control(message)
        self.server.talk()

    def open_tunnel(self, name: str | None = "demo", auth: str | None = None, number: int = 1) -> SessionMessage:
        """Ask for a name; what the server says to that."""
        before = len(self.party.messages)
        self.tell(OpenTunnel(number, "http", name, auth))
        answers = self.party.messages[before:]
        assert len(answers) == 1, answers
        return answers[0]

    # --- in ------------------------------------------------------------------------------------------------

    def listen(self) -> bool:
        """Act on what the server has said; whether it said anything."""
        if not hasattr(self, "wire"):
            return False
        found, self._rest = frames(self._rest + self.wire.take())
        for first, payload in found:
            if first != BINARY:
                self.closes.append((first, payload))
            elif payload[:1] == b"\x01":
                self.party.session.receive(payload)
            else:
                message = native.decode_link(payload)
                assert message is not None
                self._hear(message)
        return bool(found)

    def _hear(self, message: LinkMessage) -> None:
        if isinstance(message, Ack):
            self.party.session.out.acknowledged(message.received)
        elif isinstance(message, Ping):
            if not self.silent:
                self.send(native.encode_link(Pong(message.number)))  # not `say`: there is more to hear first
        else:
            self.heard.append(message)
            if isinstance(message, Welcome):
                if not message.resumed:
                    self.party = Party(even=False)
                    self.token = message.session
                else:
                    self.party.session.detach()
                self.party.session.attach(self, message.received if message.resumed else 0)

    @property
    def welcomed(self) -> Welcome:
        [message] = self.heard
        assert isinstance(message, Welcome), message
        return message


class Server:
    """A server without listeners: connections are handed to its factory."""

    def __init__(self, keys: KeyStore | None = None, **settings: Any) -> None:
        self.reactor = MemoryReactorClock()
        self.wires: list[Wire] = []
        self.clients: list[Client] = []
        self.service = ServerService(ServerSettings(**settings), self.reactor, Random(1), listen=False, keys=keys)
        self.service.startService()
        self.gateway = self.service.gateway

    def client(self, key: str | None = None, host: str = "198.51.100.1") -> Client:
        """A client that has connected and said hello."""
        return Client(self, host).connect(key)

    def visit(self, request: bytes | None = None) -> Wire:
        """A visitor's connection, and a request on it."""
        wire = Wire(self, "203.0.113.7")
        wire.send(get() if request is None else request)
        return wire

    def talk(self) -> None:
        """Until nobody has anything to say, and all that waits for the end of the reactor's turn has been done."""
        happened = True
        while happened:
            happened = False
            for client in self.clients:
                happened |= client.party.flush()
                happened |= client.listen()
            while any(call.getTime() <= self.reactor.seconds() for call in self.reactor.getDelayedCalls()):
                self.reactor.advance(0)
                happened = True

    def wait(self, seconds: int) -> None:
        """Time passes."""
        for _ in range(seconds):
            self.reactor.advance(1)
            self.talk()

    def check(self) -> None:
        """When it has stopped, nothing is left behind."""
        stopped = self.service.stopService()
        for _ in range(200):
            self.talk()
            for wire in self.wires:
                if wire.closed:
                    wire.lose()
            if stopped.called:
                break
            self.reactor.advance(1)
        assert stopped.called, "it does not stop"
        for wire in self.wires:
            wire.lose()
        assert not self.gateway.sessions and not self.gateway.registry.by_name
        assert self.reactor.getDelayedCalls() == [], self.reactor.getDelayedCalls()


class GatewayCase(SynchronousTestCase):
    """A test with a `Server`, which is stopped and checked when it is over; an error that is logged fails it."""

    settings: dict[str, Any] = {}

    def setUp(self) -> None:
        self.server = Server(**self.settings)

    def tearDown(self) -> None:
        self.server.check()

    def assert_ready(self, message: SessionMessage, name: str | None = None) -> str:
        """The tunnel is public; its name."""
        assert isinstance(message, TunnelReady), message
        if name is not None:
            self.assertEqual(message.name, name)
        return message.name

    def assert_refused(self, message: SessionMessage, word: str, final: bool) -> str:
        """It is not, for that reason; what was said."""
        assert isinstance(message, TunnelRefused), message
        self.assertEqual((message.word, message.final), (word, final))
        return message.message
