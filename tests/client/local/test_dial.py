"""How a service is reached, and what is said when it is not."""

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectionDone,
    ConnectionLost,
    ConnectionRefusedError,
    DNSLookupError,
    TimeoutError,
)
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.local.dial import STAGGER, Dialer, ServiceSocket
from sellia.errors import ProblemError
from tests.client.stage import ServiceTransport, target


class DialCase(SynchronousTestCase):
    host = "localhost"

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.dialer = Dialer(self.reactor, target(self.host, 8080), timeout=10.0)

    def dial(self) -> "Deferred[ServiceSocket]":
        return self.dialer.dial(ServiceSocket)

    @property
    def tried(self) -> list[str]:
        return [attempt[0] for attempt in self.reactor.tcpClients]

    def attempt(self, host: str) -> Any:
        """Take the attempt on this address away; it will be answered."""
        index = self.tried.index(host)
        return self.reactor.tcpClients.pop(index)[2]

    def accept(self, host: str) -> ServiceTransport:
        protocol = self.attempt(host).buildProtocol(None)
        transport = ServiceTransport()
        protocol.makeConnection(transport)
        return transport

    def refuse(self, host: str, error: Exception | None = None) -> None:
        self.attempt(host).clientConnectionFailed(None, Failure(error or ConnectionRefusedError()))

    def problem(self, dialing: "Deferred[ServiceSocket]") -> tuple[str, str]:
        error = self.failureResultOf(dialing, ProblemError).value
        assert isinstance(error, ProblemError)
        return error.problem.code, error.detail

    def tearDown(self) -> None:
        self.assertEqual(self.reactor.getDelayedCalls(), [], "a timer was left behind")


class LocalhostTests(DialCase):
    def test_ipv4_first(self) -> None:
        dialing = self.dial()
        self.assertEqual(self.tried, ["127.0.0.1"])
        self.accept("127.0.0.1")
        self.assertIsInstance(self.successResultOf(dialing), ServiceSocket)

    def test_ipv6_at_once_when_ipv4_refuses(self) -> None:
        """As a Node server does that listens on ::1 alone."""
        dialing = self.dial()
        self.refuse("127.0.0.1")
        self.accept("::1")
        self.successResultOf(dialing)

    def test_what_answered_is_tried_first_next_time(self) -> None:
        self.dial()
        self.refuse("127.0.0.1")
        self.accept("::1")
        self.dial()
        self.assertEqual(self.tried, ["::1"])
        self.refuse("::1")
        self.accept("127.0.0.1")
        dialing = self.dial()
        self.assertEqual(self.tried, ["127.0.0.1"])
        self.accept("127.0.0.1")
        self.successResultOf(dialing)

    def test_the_other_beside_one_that_does_not_answer(self) -> None:
        dialing = self.dial()
        self.reactor.advance(STAGGER)
        self.assertEqual(self.tried, ["127.0.0.1", "::1"])
        self.accept("::1")
        self.successResultOf(dialing)

    def test_the_first_to_answer_ends_all_others(self) -> None:
        dialing = self.dial()
        self.reactor.advance(STAGGER)
        self.accept("::1")
        self.successResultOf(dialing)
        self.assertEqual([each.stoppedConnecting for each in self.reactor.connectors], [True, False])

    def test_both_refuse(self) -> None:
        dialing = self.dial()
        self.refuse("127.0.0.1")
        self.refuse("::1")
        self.assertEqual(self.problem(dialing), ("service-refused", "localhost:8080 refused the connection."))

    def test_refusal_says_more_than_a_missing_ipv6(self) -> None:
        dialing = self.dial()
        self.refuse("127.0.0.1")
        self.refuse("::1", ConnectError(osError=99, string="Cannot assign requested address"))
        self.assertEqual(self.problem(dialing)[0], "service-refused")

    def test_nobody_answers(self) -> None:
        dialing = self.dial()
        self.reactor.advance(STAGGER)
        self.reactor.advance(10.0 - STAGGER)
        expected = ("service-unreachable", "localhost:8080 did not answer within 10 seconds.")
        self.assertEqual(self.problem(dialing), expected)

    def test_given_up(self) -> None:
        dialing = self.dial()
        self.reactor.advance(STAGGER)
        dialing.cancel()
        self.failureResultOf(dialing, CancelledError)

    def test_names_below_localhost_are_localhost(self) -> None:
        self.dialer = Dialer(self.reactor, target("app.localhost", 8080), timeout=10.0)
        dialing = self.dial()
        self.accept("127.0.0.1")
        self.successResultOf(dialing)


class AddressTests(DialCase):
    host = "::1"

    def test_one_address_is_one_attempt(self) -> None:
        dialing = self.dial()
        self.assertEqual(self.tried, ["::1"])
        self.refuse("::1")
        self.assertEqual(self.problem(dialing), ("service-refused", "[::1]:8080 refused the connection."))

    def test_other_failures_are_told_as_they_are(self) -> None:
        for error, expected in (
            (ConnectError(osError=113, string="No route\x1b to host"), "could not be reached"),
            (DNSLookupError("no"), "No address was found for ::1."),
            (TimeoutError(), "[::1]:8080 did not answer within 10 seconds."),
        ):
            dialing = self.dial()
            self.refuse("::1", error)
            word, detail = self.problem(dialing)
            self.assertEqual(word, "service-unreachable")
            self.assertIn(expected, detail)
            self.assertNotIn("\x1b", detail)


class Resolver:
    """Every name but ``missing`` has one address."""

    def resolveHostName(self, receiver: Any, name: str, port: int = 0, *more: Any, **others: Any) -> Any:
        receiver.resolutionBegan(None)
        if name != "missing":
            receiver.addressResolved(IPv4Address("TCP", "192.0.2.1", port))
        receiver.resolutionComplete()
        return receiver


class NameTests(DialCase):
    """Names other than localhost are Twisted's affair."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.reactor.nameResolver = Resolver()  # type: ignore[assignment]
        self.dialer = Dialer(self.reactor, target("web.example", 8080), timeout=10.0)

    def test_resolved_and_reached(self) -> None:
        dialing = self.dial()
        self.accept("192.0.2.1")
        self.successResultOf(dialing)

    def test_refused(self) -> None:
        dialing = self.dial()
        self.refuse("192.0.2.1")
        self.reactor.advance(STAGGER)
        self.assertEqual(self.problem(dialing), ("service-refused", "web.example:8080 refused the connection."))

    def test_without_an_address(self) -> None:
        self.dialer = Dialer(self.reactor, target("missing", 8080), timeout=10.0)
        self.assertEqual(self.problem(self.dial()), ("service-unreachable", "No address was found for missing."))


class SecureTests(DialCase):
    """Over TLS the connection is made when the handshake is done; :mod:`tests.client.test_tls` makes real ones."""

    host = "127.0.0.1"

    def setUp(self) -> None:
        super().setUp()
        self.dialer = Dialer(self.reactor, target(self.host, 8443, "https"), timeout=10.0)

    def connect(self) -> Any:
        protocol = self.attempt("127.0.0.1").buildProtocol(None)
        protocol.makeConnection(ServiceTransport())
        return protocol

    def test_not_made_before_the_handshake(self) -> None:
        dialing = self.dial()
        self.connect()
        self.assertNoResult(dialing)
        self.reactor.advance(10)
        self.assertEqual(self.problem(dialing)[0], "service-unreachable")

    def test_what_answers_is_not_tls(self) -> None:
        dialing = self.dial()
        protocol = self.connect()
        protocol.dataReceived(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        protocol.connectionLost(Failure(ConnectionDone()))
        word, detail = self.problem(dialing)
        self.assertEqual(word, "service-tls-failed")
        self.assertTrue(detail.startswith("127.0.0.1:8443 does not speak TLS: "), detail)

    def test_closed_during_the_handshake(self) -> None:
        dialing = self.dial()
        self.connect().connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.problem(dialing)[0], "service-tls-failed")

    def test_given_up_during_the_handshake(self) -> None:
        dialing = self.dial()
        protocol = self.connect()
        dialing.cancel()
        self.failureResultOf(dialing, CancelledError)
        self.assertTrue(protocol.transport.aborted)
