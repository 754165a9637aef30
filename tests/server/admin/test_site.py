"""Bounds on what a peer may send before it has shown a key, over real sockets."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.resource import Resource

from sellia.server.admin.site import BODY_LIMIT, CONNECTIONS, IDLE_TIME, REQUEST_TIME, AdminSite
from tests.logs import log_lines


class Echo(Resource):
    """Answers with the length of the body."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        return b"%d" % len(request.content.read())


class Transport(StringTransport):
    """A transport that can be aborted."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        self.disconnecting = True


class SiteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.site = AdminSite(Echo(), self.clock)

    def connect(self) -> tuple[Any, Transport]:
        channel, transport = self.site.buildProtocol(None), Transport()
        channel.makeConnection(transport)
        return channel, transport

    def test_a_body(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % BODY_LIMIT)
        channel.dataReceived(b"x" * BODY_LIMIT)
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 200"), transport.value())
        self.assertTrue(transport.value().endswith(b"%d" % BODY_LIMIT))

    def test_a_body_that_is_too_long(self) -> None:
        """It is refused from its head, or when too much has come, and nothing more is held."""
        declared = b"Content-Length: %d\r\n\r\n" % (BODY_LIMIT + 1)
        chunks = b"Transfer-Encoding: chunked\r\n\r\n" + (b"1000\r\n" + b"x" * 4096 + b"\r\n") * 17
        for rest in (declared, chunks):
            channel, transport = self.connect()
            channel.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\n" + rest)
            self.assertTrue(transport.value().startswith(b"HTTP/1.1 413 Content Too Large\r\n"))
            self.assertIn(b'"error": "body-too-large"', transport.value())
            self.assertTrue(transport.disconnecting)
            size = len(transport.value())
            channel.dataReceived(b"x" * 100_000)
            self.assertEqual(len(transport.value()), size)
            channel.connectionLost(Failure(connectionDone.value))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_form_is_parsed(self) -> None:
        channel, transport = self.connect()
        kind = b"Content-Type: multipart/form-data; boundary=x\r\n"
        channel.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\n" + kind + b"Content-Length: 5\r\n\r\n--x--")
        self.assertTrue(transport.value().endswith(b"5"))

    def test_a_request_that_trickles(self) -> None:
        """It has its time as a whole, however often something comes."""
        channel, transport = self.connect()
        channel.dataReceived(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(int(REQUEST_TIME) - 1):
            self.clock.advance(1)
            channel.dataReceived(b"x")
        self.assertFalse(transport.aborted)
        self.clock.advance(1)
        self.assertTrue(transport.aborted)

    def test_the_time_begins_anew_with_each_request(self) -> None:
        channel, transport = self.connect()
        for _ in range(5):
            self.clock.advance(REQUEST_TIME - 1)
            channel.dataReceived(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertFalse(transport.aborted)
        self.assertEqual(transport.value().count(b"HTTP/1.1 200"), 5)

    def test_an_idle_connection_ends_without_a_line(self) -> None:
        lines = log_lines(self)
        channel, transport = self.connect()
        channel.dataReceived(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.clock.advance(max(IDLE_TIME, REQUEST_TIME))
        self.assertTrue(transport.disconnecting)
        self.assertEqual(lines, [])

    def test_heads_that_are_too_long(self) -> None:
        for head in (b"X: " + b"x" * 17_000 + b"\r\n", b"X: y\r\n" * 101):
            channel, transport = self.connect()
            channel.dataReceived(b"GET / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
            self.assertTrue(transport.disconnecting)
            self.assertNotIn(b" 200 ", transport.value())

    def test_connections(self) -> None:
        """Beyond the bound, the oldest that is not at work goes, so that whoever comes gets in."""
        opened = [self.connect() for _ in range(CONNECTIONS)]
        opened[0][0].busy = True
        channel, transport = self.connect()
        self.assertEqual(self.site.connections, CONNECTIONS)
        self.assertEqual([each.aborted for _, each in opened[:3]], [False, True, False])
        channel.dataReceived(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 200"))

    def test_connections_that_are_all_at_work(self) -> None:
        for _ in range(CONNECTIONS):
            self.connect()[0].busy = True
        _, transport = self.connect()
        self.assertTrue(transport.aborted)

    def test_nothing_tells_which_library_it_is(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertNotIn(b"Twisted", transport.value())


class Peer(Protocol):
    """Counts until it is closed."""

    def connectionMade(self) -> None:
        self.lost: Deferred[None] = Deferred()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class SocketTests(TestCase):
    timeout = 60

    async def test_a_flood_of_connections(self) -> None:
        """Each of many more connections than there may be is made, and the last ones are served."""
        net: Any = reactor
        site = AdminSite(Echo(), reactor)
        port = net.listenTCP(0, site, interface="127.0.0.1", backlog=1000)
        self.addCleanup(port.stopListening)
        from twisted.internet.endpoints import TCP4ClientEndpoint

        endpoint = TCP4ClientEndpoint(net, "127.0.0.1", port.getHost().port)
        peers: list[Any] = [await endpoint.connect(Factory.forProtocol(Peer)) for _ in range(CONNECTIONS + 50)]
        await gatherResults([each.lost for each in peers[:50]])
        self.assertEqual(site.connections, CONNECTIONS)
        for each in peers[50:]:
            each.transport.loseConnection()
        await gatherResults([each.lost for each in peers[50:]])
        while site.connections:
            pause: Deferred[None] = Deferred()
            net.callLater(0, pause.callback, None)
            await pause
