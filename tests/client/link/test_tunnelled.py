"""Connections that an HTTP proxy makes; real proxies in ``tests.e2e.test_http_proxies``."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransportWithDisconnection
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.link.tunnelled import ANSWER_TIME, HEAD_LIMIT, ProxiedEndpoint, ProxyFailure, ProxyLogin
from sellia.client.proxies import parse_proxy
from sellia.client.reasons import reason
from tests.client.links import Network

LOGIN = "http://me:p%3Aw@p.example:3128"


class Inner(Protocol):
    """Writes down what comes."""

    def __init__(self) -> None:
        self.came = b""
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.came += data

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = reason


class Socket(StringTransportWithDisconnection):
    """A transport that may be aborted."""

    aborted = False

    def abortConnection(self) -> None:
        if not self.aborted:
            self.aborted = True
            self.protocol.connectionLost(Failure(ConnectionDone()))


class ProxiedEndpointTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.made: list[Inner] = []

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [], "a timer was left behind")

    def connect(self, url: str = "http://p.example:3128", host: str = "t.example") -> "Deferred[Any]":
        proxy = parse_proxy(url, "HTTPS_PROXY")
        assert proxy is not None
        self.network = Network(self.clock)
        self.factory = Factory.forProtocol(self._inner)  # type: ignore[arg-type]
        return ProxiedEndpoint(self.network, proxy, host, 443, self.clock).connect(self.factory)

    def _inner(self) -> Inner:
        self.made.append(Inner())
        return self.made[-1]

    def there(self) -> Socket:
        """The proxy is reached."""
        (dial,) = self.network.dials
        protocol = dial.factory.buildProtocol(None)
        self.socket = socket = Socket()
        socket.protocol = protocol
        protocol.makeConnection(socket)
        dial.result.callback(protocol)
        return socket

    def receive(self, data: bytes) -> None:
        self.socket.protocol.dataReceived(data)

    def refusal(self, answer: bytes, url: str = "http://p.example:3128", kind: type = ProxyFailure) -> str:
        """What is said of an answer, which comes byte by byte where it is HTTP."""
        done = self.connect(url)
        socket = self.there()
        size = 1 if answer.startswith(b"HTTP/") else len(answer)
        for at in range(0, len(answer), size):
            self.receive(answer[at : at + size])
        self.assertTrue(socket.aborted)
        self.assertEqual(self.made, [])
        failure = self.failureResultOf(done)
        self.assertIs(failure.type, kind)
        return reason(failure)

    def test_request(self) -> None:
        self.connect(LOGIN)
        sent = self.there().value()
        self.assertTrue(sent.startswith(b"CONNECT t.example:443 HTTP/1.1\r\nHost: t.example:443\r\n"), sent)
        self.assertTrue(sent.endswith(b"\r\nProxy-Authorization: Basic bWU6cDp3\r\n\r\n"), sent)
        self.receive(b"HTTP/1.1 200 x\r\n\r\n")

    def test_request_without_a_login_to_an_address(self) -> None:
        self.connect(host="2001:db8::1")
        sent = self.there().value()
        self.assertTrue(sent.startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\n"), sent)
        self.assertNotIn(b"Authorization", sent)
        self.receive(b"HTTP/1.1 200 x\r\n\r\n")

    def test_a_connection_belongs_to_what_it_was_made_for(self) -> None:
        """From the answer on, its transport and its bytes; interim answers go before, and bytes may follow."""
        done = self.connect()
        socket = self.there()
        for part in (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 ",
            b"200 Connection established\r\nVia: x\r\n\r",
            b"\nSSH",
        ):
            self.assertNoResult(done)
            self.receive(part)
        (inner,) = self.made
        self.assertIs(self.successResultOf(done), inner)
        self.assertIs(inner.transport, socket)
        self.receive(b"-2.0")
        self.assertEqual(inner.came, b"SSH-2.0")
        socket.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertIsNotNone(inner.lost)

    def test_what_answers_mean(self) -> None:
        basic = b"HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\nproxy-authenticate: basic realm=x\r\n\r\n"
        other = b"HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n"
        for answer, url, kind, words in (
            (
                basic,
                "p.example:3128",
                ProxyLogin,
                "asks for a user and a password (407): give them with HTTPS_PROXY, as in",
            ),
            (basic, "p.example:3128", ProxyLogin, "http://USER:PASSWORD@p.example:3128"),
            (basic, LOGIN, ProxyLogin, "does not accept the user and password of HTTPS_PROXY (407)"),
            (other, LOGIN, ProxyLogin, "asks for a login by Negotiate or Ntlm (407), and only Basic is spoken"),
            (b"HTTP/1.1 403 x\r\n\r\n", LOGIN, ProxyFailure, "does not allow connections to t.example:443 (403)"),
            (b"HTTP/1.1 503 x\r\n\r\n", LOGIN, ProxyFailure, "could not connect to it (503)"),
            (b"HTTP/1.1 405 x\r\n\r\n", LOGIN, ProxyFailure, "does not make connections (405): is it an HTTP proxy?"),
            (b"HTTP/1.1 429 x\r\n\r\n", LOGIN, ProxyFailure, "too many connections"),
            (b"HTTP/1.1 302 x\r\n\r\n", LOGIN, ProxyFailure, "answered 302 to CONNECT"),
            (b"HTTP/1.1 101 x\r\n\r\n", LOGIN, ProxyFailure, "answered 101 to CONNECT"),
            (b"SSH-2.0-x\x1b\r\n", LOGIN, ProxyFailure, 'is not an HTTP proxy: it said "SSH-2.0-x\\x1b"'),
            (b"\x15\x03\x01", LOGIN, ProxyFailure, "is not an HTTP proxy: it speaks TLS: say https:// in its URL"),
            (b"HTTP/1.1 200 x\r\nX: " + bytes(HEAD_LIMIT), LOGIN, ProxyFailure, "gave an answer without an end"),
        ):
            said = self.refusal(answer, url, kind)
            self.assertIn(words, said)
            self.assertTrue(said.startswith("was not reached: the proxy "))
            self.assertNotIn("p:w", said)

    def test_a_proxy_that_hangs_up(self) -> None:
        for data, words in (
            (b"", "hung up without an answer"),
            (b"HTTP/1.1 2", "broke off in the middle of its answer"),
        ):
            done = self.connect()
            socket = self.there()
            if data:
                self.receive(data)
            socket.protocol.connectionLost(Failure(ConnectionDone()))
            self.assertIn(words, reason(self.failureResultOf(done)))

    def test_a_proxy_that_is_not_reached(self) -> None:
        done = self.connect()
        self.network.refuse()
        self.assertEqual(reason(self.failureResultOf(done)), "was not reached: the proxy refused the connection")

    def test_a_proxy_that_says_nothing(self) -> None:
        done = self.connect()
        socket = self.there()
        self.clock.advance(ANSWER_TIME)
        self.assertEqual(reason(self.failureResultOf(done)), "was not reached: the proxy did not answer in time")
        self.assertTrue(socket.aborted)

    def test_an_attempt_that_is_given_up(self) -> None:
        done = self.connect()
        done.cancel()
        self.failureResultOf(done)
        self.assertEqual(self.network.cancelled, 1)
        done = self.connect()
        socket = self.there()
        done.cancel()
        self.failureResultOf(done)
        self.assertTrue(socket.aborted)

    def test_the_connection_is_not_wanted_any_more(self) -> None:
        done = self.connect()
        socket = self.there()
        self.factory.protocol = lambda: None  # type: ignore[assignment]
        self.factory.buildProtocol = lambda _: None  # type: ignore[method-assign,assignment,return-value]
        self.receive(b"HTTP/1.1 200 x\r\n\r\n")
        self.failureResultOf(done)
        self.assertTrue(socket.aborted)
