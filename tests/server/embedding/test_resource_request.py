"""A request of a visitor in a Site of one's own, in memory; over sockets in ``tests.e2e.test_resource``."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.server import Site

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN
from sellia.server.embedding.resource import TunnelResource
from sellia.server.ingress.checks import CHECKS, Verdict
from tests.server.support import GET, ServerCase, Service, VisitorTransport, get, post

TEN = b"GET / HTTP/1.0\r\nHost: demo.localhost\r\n\r\n"


class ResourceRequestTests(ServerCase):
    """twisted.web reads the request and frames the response; what is between is the ingress's."""

    def setUp(self) -> None:
        super().setUp()
        site: Any = Site(TunnelResource(self.stage, "demo"), reactor=Clock())  # type: ignore[arg-type]
        site.timeOut = None
        self.transport = VisitorTransport()
        self.channel = site.buildProtocol(self.transport.getPeer())
        self.channel.makeConnection(self.transport)

    def tearDown(self) -> None:
        self.channel.connectionLost(Failure(ConnectionDone()))
        super().tearDown()

    def ask(self, request: bytes = GET) -> Service:
        self.channel.dataReceived(request)
        self.stage.talk()
        return self.stage.asked[-1]

    def read(self) -> tuple[list[bytes], bytes]:
        """The lines of the head that has come, and what is behind it."""
        head, _, rest = self.transport.value().partition(b"\r\n\r\n")
        self.transport.clear()
        return head.split(b"\r\n"), rest

    def test_a_length_passes(self) -> None:
        self.ask().answer(b"hello")
        self.assertEqual(self.read(), ([b"HTTP/1.1 200 OK", b"Content-Length: 5"], b"hello"))

    def test_what_has_no_length_is_chunked_once(self) -> None:
        service = self.ask()
        service.head()
        service.say(b"hello")
        self.assertEqual(self.read(), ([b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked"], b"5\r\nhello\r\n"))
        service.say(end=True)
        self.assertEqual(self.transport.value(), b"0\r\n\r\n")
        self.transport.clear()
        self.ask(get(b"/next")).answer(b"hello")
        self.assertTrue(self.read()[1].endswith(b"hello"), "the connection goes on")

    def test_an_old_visitor_gets_no_chunks(self) -> None:
        service = self.ask(TEN)
        service.head()
        service.say(b"hello")
        service.say(end=True)
        lines, body = self.read()
        self.assertEqual((lines[0].partition(b" ")[2], body), (b"200 OK", b"hello"))
        self.assertTrue(self.transport.disconnecting)

    def test_a_response_that_is_too_long_breaks(self) -> None:
        service = self.ask()
        service.head(200, (b"Content-Length", b"3"))
        service.say(b"hello")
        self.assertEqual(service.reset, "bad-service-response")
        self.assertNotIn(b"hello", self.read()[1])

    def test_who_leaves_cancels(self) -> None:
        service = self.ask()
        self.channel.connectionLost(Failure(ConnectionDone()))
        self.stage.talk()
        self.assertEqual(service.reset, "visitor-gone")

    def wait_for_a_check(self) -> list[Deferred[Verdict]]:
        """Put a check in front of the others that answers when the test says so."""
        waiting: list[Deferred[Verdict]] = []

        def check(*_: object) -> Deferred[Verdict]:
            waiting.append(Deferred())
            return waiting[-1]

        self.stage.ingress.checks = (check, *CHECKS)
        return waiting

    def test_a_check_that_waits_lets_the_request_pass_later(self) -> None:
        waiting = self.wait_for_a_check()
        self.channel.dataReceived(post(b"hello"))
        self.stage.talk()
        self.assertEqual((len(waiting), self.stage.asked), (1, []))
        waiting.pop().callback(None)
        self.stage.talk()
        service = self.stage.asked[0]
        self.assertEqual((service.data, service.ended), (b"hello", True))
        service.answer(b"hi")
        self.assertEqual(self.read()[1], b"hi")

    def test_a_check_that_waits_can_refuse(self) -> None:
        waiting = self.wait_for_a_check()
        self.channel.dataReceived(GET)
        waiting.pop().callback(ProblemError(FORBIDDEN))
        self.stage.talk()
        self.assertIn(b"403", self.read()[0][0])
        self.assertEqual(self.stage.asked, [])
