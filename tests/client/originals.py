"""A whole client in memory on an original server, which says what a test tells it to, in words of `tests.original`.

The client's link is a real one, over a transport in memory: its handshake is answered with a 101 that chooses no
subprotocol, and what it says is read from the octets that it writes.
"""

import re
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from sellia.client.events import Event
from sellia.client.link.backoff import QUICK_LEAST
from sellia.client.local.routes import Routes
from sellia.client.local.service import LocalService
from sellia.client.session import ClientSession
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.targets import parse_target
from sellia.transports.reactor.batching import batch_of
from tests.client.links import Half, Network
from tests.client.stage import Service, ServiceTransport, only
from tests.original import wire
from tests.original.sockets import accept_of
from tests.original.wire import Message
from tests.transports.support import BINARY, CLOSE, PING, PONG, frame, frames

ID = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"
TUNNEL = "0000000000000000000000000000beef"
HOST = {"Host": ["demo.localhost"]}
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    + accept_of(KEY).encode()
)


class LinkTransport(ServiceTransport):
    """The client's socket to the server.  ``paused`` says that nothing is read."""

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    @property
    def paused(self) -> bool:
        return self.producerState == "paused"


class _Service(Service):
    """Remembers whether its connection has ended."""

    ended = False

    def _end(self, error: Exception) -> None:
        self.ended = True
        super()._end(error)


class OriginalStage:
    """A client's session with tunnels to one service in memory.  The server answers pings of the WebSocket's."""

    def __init__(self, *names: str | None, auth: str | None = None, **settings: Any) -> None:
        self.reactor = MemoryReactorClock()
        wanted = names or ("demo",)
        tunnels = tuple(TunnelSettings(target=8080, subdomain=name, auth=auth) for name in wanted)
        self.settings = ClientSettings(**{"server": "http://127.0.0.1:1", "tunnels": tunnels, **settings})
        self.service = LocalService(self.reactor, parse_target("127.0.0.1:8080"))
        self.events: list[Event] = []
        self.session = ClientSession(
            self.settings, lambda _: only(self.service), self.events.append, self.reactor, Half()
        )
        self.session.finished.addErrback(self._refused)
        self.network = self.session.connector.attempts.endpoint = Network(self.reactor)
        #: Why the client has given up.
        self.failure: Any = None
        self.answering = True
        self.pings: list[bytes] = []
        self.pongs: list[bytes] = []
        self.link: Any = None
        self._heard: list[Message] = []
        self._services: list[_Service] = []

    def _routes(self, settings: TunnelSettings) -> Routes:
        return only(self.service)

    def _refused(self, failure: Failure) -> None:
        self.failure = failure.value

    # --- the link ------------------------------------------------------------------------------------------

    def start(self) -> "OriginalStage":
        """Connect for the first time, and be asked for the tunnels."""
        self.session.start()
        return self.connect()

    def connect(self) -> "OriginalStage":
        """The attempt under way leads to a server that chooses no dialect."""
        self.reactor.advance(0)
        if not self.network.pending:
            self.reactor.advance(QUICK_LEAST)
        dial = self.network.pending[-1]
        self.transport = LinkTransport()
        #: Code of the close frame that has come.
        self.closed: int | None = None
        self._rest = b""
        self.link = dial.factory.buildProtocol(None)
        self.link.makeConnection(self.transport)
        dial.accept()
        request = self.transport.value()
        self.transport.clear()
        found = re.search(rb"Sec-WebSocket-Key: *(\S+)", request)
        assert found and b"sellia.v1" in request, request
        accept = accept_of(found.group(1).decode()).encode()
        self.link.dataReceived(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self.talk()
        return self

    def ready(self) -> "OriginalStage":
        """Start, and be given the tunnels."""
        self.start()
        for number, asked in enumerate(self.heard()):
            assert asked["type"] == "tunnel_open", asked
            name = asked.get("subdomain", "given")
            tunnel_id = TUNNEL if not number else f"{number:032x}"
            self.say("tunnel_ready", tunnel_id=tunnel_id, url=f"http://{name}.localhost:3000", subdomain=name)
        return self

    def say(self, type: str, **fields: Any) -> "OriginalStage":
        """The server says this."""
        return self.octets(wire.encode(wire.message(type, **fields)))

    def octets(self, message: bytes, first: int = BINARY) -> "OriginalStage":
        """Whatever it is, as one message."""
        self.link.dataReceived(frame(first, message, masked=False))
        self.talk()
        return self

    def heard(self) -> list[Message]:
        """What the server was told since it was last asked."""
        self.talk()
        heard, self._heard = self._heard, []
        return heard

    def talk(self) -> None:
        """Until nobody has anything to say."""
        for _ in range(100):
            batch_of(self.reactor).run()
            self.reactor.advance(0)
            data = self.transport.value()
            if not data:
                return
            self.transport.clear()
            found, self._rest = frames(self._rest + data)
            for first, payload in found:
                self._frame(first, payload)
        raise AssertionError("they never stop")

    def _frame(self, first: int, payload: bytes) -> None:
        if first == CLOSE:
            self.closed = int.from_bytes(payload[:2], "big")
        elif first == PING:
            self.pings.append(payload)
            if self.answering:
                self.link.dataReceived(frame(PONG, payload, masked=False))
        elif first == PONG:
            self.pongs.append(payload)
        else:
            assert first == BINARY, "one whole binary frame for each message"
            said = wire.decode(payload)
            assert said is not None, payload
            self._heard.append(said)

    def lose(self) -> None:
        """The link is lost."""
        if self.transport.producer is not None:
            self.transport.producer.stopProducing()
            self.transport.producer = None
        self.link.connectionLost(Failure(ConnectionLost()))
        self.reactor.advance(0)

    def wait(self, seconds: float, step: float = 0.25) -> None:
        """Time passes."""
        for _ in range(round(seconds / step)):
            self.reactor.advance(step)
            self.talk()

    # --- visitors and the service --------------------------------------------------------------------------

    def request(self, method: str = "GET", path: str = "/", *, id: str = ID, **headers: str) -> "OriginalStage":
        """The server passes on the head of a request."""
        fields = {**HOST, **{name.replace("_", "-"): [value] for name, value in headers.items()}}
        return self.say("request_start", request_id=id, tunnel_id=TUNNEL, method=method, path=path, headers=fields)

    def body(self, chunk: bytes = b"", final: bool = False, *, id: str = ID) -> "OriginalStage":
        """And of its body."""
        return self.say("request_body", request_id=id, chunk=chunk, final=final)

    def upgrade(self, path: str = "/chat", *, id: str = ID, **headers: str) -> "OriginalStage":
        """The server passes on a handshake."""
        fields = {
            **HOST,
            "Upgrade": ["websocket"],
            "Connection": ["Upgrade"],
            "Sec-WebSocket-Key": [KEY],
            "Sec-WebSocket-Version": ["13"],
            **{name.replace("_", "-"): [value] for name, value in headers.items()},
        }
        return self.say("ws_upgrade", request_id=id, tunnel_id=TUNNEL, path=path, headers=fields)

    def accept(self) -> Service:
        """The service accepts the oldest connection that is waiting."""
        service = _Service(self.reactor.tcpClients.pop(0)[2])
        self._services.append(service)
        self.talk()
        return service

    def answer(self, service: Service, *pieces: bytes) -> None:
        """The service says this, piece by piece."""
        for piece in pieces:
            service.say(piece)
            self.talk()

    def stop(self) -> list[Any]:
        """End it all: the timers that are left behind."""
        self.session.stop()
        if self.link is not None:
            self.talk()
            if not self.link._lost:
                self.lose()
        for service in self._services:
            if not service.ended:
                service.close()
        self.service.stop()
        return list(self.reactor.getDelayedCalls())
