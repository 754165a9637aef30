"""What the tests of a link are written with: one as the server has it, and a keeper that writes down."""

from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.protocol import native
from sellia.protocol.messages import SUBPROTOCOL, LinkMessage, Ping
from sellia.transports.link.keeper import Link
from sellia.transports.link.native import ServerLink
from tests.relay.scripts import Party
from tests.server.support import KEY, VisitorTransport
from tests.transports.support import BINARY, Frame, frame, frames

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\nSec-WebSocket-Protocol: sellia.v1\r\n\r\n"
)


class Keeper:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.opened: list[Link] = []
        self.messages: list[LinkMessage] = []
        self.faults: list[tuple[str, int]] = []
        self.complaints: list[tuple[int, str]] = []
        self.lost: list[str] = []
        self.fault: Exception | None = None

    def link_opened(self, link: Link) -> None:
        self.opened.append(link)

    def link_message(self, link: Link, message: LinkMessage) -> None:
        self.messages.append(message)
        if self.fault is not None:
            raise self.fault

    def link_faulty(self, link: Link, code: int, fault: str) -> None:
        self.complaints.append((code, fault))

    def rate_limited_log(self, topic: str) -> int | None:
        raise AssertionError(topic)

    def link_broken(self, link: Link, error: ProtocolError) -> None:
        self.faults.append((str(error), error.code))

    def link_lost(self, link: Link, reason: str) -> None:
        assert link.session is None, "the session is detached before the link is lost"
        self.lost.append(reason)


class LinkCase(SynchronousTestCase):
    """A link as the server has it, open and greeted, unless ``attempts`` says otherwise."""

    attempts = 0
    pings = 0

    def setUp(self) -> None:
        self.clock = Clock()
        self.keeper = Keeper()
        factory = WebSocketServerFactory(protocols=[SUBPROTOCOL], reactor=self.clock)
        factory.protocol = ServerLink
        factory.setProtocolOptions(
            failByDrop=False, openHandshakeTimeout=0, closeHandshakeTimeout=0, echoCloseCodeReason=True,
            utf8validateIncoming=False, allowNullOrigin=True,
        )  # fmt: skip
        self.link: Any = factory.buildProtocol(None)
        self.link.keeper = self.keeper
        self.link.clock = self.clock
        self.link.remote = "203.0.113.7"
        self.link.attempts, self.link.early_pings = self.attempts, self.pings
        self.transport = VisitorTransport()
        self.link.makeConnection(self.transport)
        self.link.dataReceived(HANDSHAKE)
        self.assertIn(b"Sec-WebSocket-Protocol: sellia.v1", self.transport.value())
        self.transport.clear()
        self.party = Party(even=True)

    def tearDown(self) -> None:
        self.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.keeper.lost), 1)

    def lose(self) -> None:
        if not self.keeper.lost:
            self.link.connectionLost(self.gone())

    def gone(self) -> Failure:
        """Why a connection ended."""
        return Failure(ConnectionLost())

    def carry(self) -> None:
        """The link carries a session from now on; the first that it says is a ping, to learn how far the way is."""
        self.link.carry(self.party.session, 0, 5.0, 15.0)
        self.assertEqual(self.read(), [(BINARY, native.encode_link(Ping(1)))])

    def send(self, payload: bytes, first: int = BINARY) -> None:
        self.link.dataReceived(frame(first, payload))

    def say(self, message: LinkMessage) -> None:
        self.send(native.encode_link(message))

    def read(self) -> list[Frame]:
        data: bytes = self.transport.value()
        self.transport.clear()
        found, rest = frames(data)
        self.assertEqual(rest, b"")
        return found

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
