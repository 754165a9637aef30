"""A whole server as a service: that it stops in order, and that its public URLs have the port that visitors use."""

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from sellia.server.drain import LAST_WORDS
from sellia.server.service import ServerService
from sellia.server.settings import ServerSettings
from tests.server.support import GET, LateTransport, get


class Unfinished:
    """A WebSocket that can not be closed."""

    ending = False
    gone = False

    @property
    def record(self) -> "Unfinished":
        return self

    def look(self, now: float) -> None:
        """Note nothing."""

    def close(self, code: int, reason: str) -> bool:
        return False

    def unread(self, now: float) -> float:
        return 0.0

    def newly_come(self) -> int:
        return 0


class ServiceCase(SynchronousTestCase):
    def start(self, **settings: Any) -> ServerService:
        self.reactor = MemoryReactorClock()
        self.service = ServerService(ServerSettings(open=True, **settings), self.reactor)
        self.service.startService()
        return self.service

    def stop(self) -> None:
        """Visitors who have just come may still say something."""
        stopped = self.service.stopService()
        self.assertNoResult(stopped)
        self.reactor.advance(LAST_WORDS)
        self.successResultOf(stopped)

    def ask(self, request: bytes) -> bytes:
        transport = LateTransport()
        connection = self.service.factory.buildProtocol(IPv4Address("TCP", "203.0.113.7", 1))
        connection.makeConnection(transport)
        connection.dataReceived(request)
        self.reactor.advance(0)
        value: bytes = transport.value()
        return value


class UrlTests(ServiceCase):
    def port(self, **settings: Any) -> int:
        port = self.start(**settings).gateway.public_port
        self.successResultOf(self.service.stopService())
        return port

    def test_what_is_listened_on(self) -> None:
        self.assertEqual(self.port(port=3000), 3000)
        self.assertEqual(self.port(listen=["tcp:8080:interface=127.0.0.1"]), 8080)

    def test_behind_a_proxy_that_does_tls(self) -> None:
        """The port that is listened on is between the proxy and us."""
        self.assertEqual(self.port(port=3000, https=True), 443)

    def test_said_outright(self) -> None:
        self.assertEqual(self.port(port=3000, public_port=8443, https=True), 8443)
        self.assertEqual(self.port(port=3000, public_port=80), 80)

    def test_the_page_that_says_how_to_connect(self) -> None:
        self.start(domain="example.com", https=True)
        page = self.ask(get(host=b"example.com"))
        self.assertIn(b"https://myapp.example.com<", page)
        self.assertNotIn(b":3000", page)
        self.stop()


class StopTests(ServiceCase):
    def begin(self) -> "Any":
        """Stop a server on which a WebSocket is open."""
        self.start(drain_timeout=5)
        unfinished: Any = Unfinished()
        self.service.ingress.pipes.open.add(unfinished)
        return self.service.stopService()

    def finish(self) -> None:
        self.service.ingress.pipes.open.clear()
        self.reactor.advance(0.1)

    def test_an_idle_server_stops_at_once(self) -> None:
        self.start()
        self.successResultOf(self.service.stopService())
        self.assertFalse(self.service.running)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_it_listens_until_it_has_drained(self) -> None:
        """Whoever comes is told to come back."""
        stopped = self.begin()
        self.assertTrue(self.service.listening.addresses())
        self.assertIn(b" 503 ", self.ask(GET))
        self.reactor.advance(2)
        self.assertNoResult(stopped)
        self.finish()
        self.reactor.advance(LAST_WORDS)
        self.successResultOf(stopped)
        self.assertFalse(self.service.listening.addresses())

    def test_stopped_again_meanwhile(self) -> None:
        """Both are told when it has stopped."""
        first = self.begin()
        second = self.service.stopService()
        self.assertNoResult(second)
        self.finish()
        self.successResultOf(first)
        self.successResultOf(second)
        self.successResultOf(self.service.stopService())

    def test_started_again(self) -> None:
        """Nothing of the drain before is left."""
        self.start()
        self.successResultOf(self.service.stopService())
        self.service.startService()
        self.assertIn(b" 404 ", self.ask(GET))
        self.stop()
