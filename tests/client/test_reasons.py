"""Reasons for which connections could not be made."""

import errno
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectError, ConnectionRefusedError, DNSLookupError, NoRouteError, TimeoutError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.reasons import FurthestEndpoint, SaysHowFar, furthest, is_refusal, reason, shown_address


class ReasonTests(SynchronousTestCase):
    def test_no_numbers_and_no_words_of_others(self) -> None:
        for error, words in (
            (ConnectionRefusedError(), "refused the connection"),
            (TimeoutError(), "did not answer in time"),
            (DNSLookupError("x"), "no address was found"),
            (NoRouteError(errno.ENETUNREACH, "Network is unreachable"), "is this machine online?"),
            (ConnectError(errno.EHOSTUNREACH, "No route to host"), "no way leads to that host"),
            (ConnectError(errno.EMFILE, "Too many open files"), "ulimit -n"),
            (OSError(errno.EACCES, "Permission denied"), "a firewall"),
            (ConnectError(errno.ENOTCONN, "evil\x1b"), "could not be reached: transport endpoint is not connected"),
            (ZeroDivisionError("division by zero"), "could not be reached"),
        ):
            said = reason(Failure(error))
            self.assertIn(words, said)
            self.assertNotRegex(said, r"[0-9\x1b]")
            self.assertFalse(said.endswith("."), said)

    def test_the_furthest(self) -> None:
        refused, online = Failure(ConnectionRefusedError()), Failure(NoRouteError(errno.ENETUNREACH, ""))
        late, secure = Failure(TimeoutError()), Failure(SaysHowFar("failed later"))
        for failures, expected in (
            ((refused, online), refused),
            ((online, refused, late), refused),
            ((late, online), late),
            ((refused, secure, late), secure),
        ):
            self.assertIs(furthest(failures), expected)
        self.assertTrue(is_refusal(refused))
        self.assertFalse(is_refusal(late))

    def test_addresses(self) -> None:
        self.assertEqual(shown_address("::1", 80), "[::1]:80")
        self.assertEqual(shown_address("a.example", 80), "a.example:80")


class Resolver:
    """Every name has two addresses, the one of IPv6 second."""

    def resolveHostName(self, receiver: Any, name: str, port: int = 0, *more: Any, **others: Any) -> Any:
        receiver.resolutionBegan(None)
        receiver.addressResolved(IPv4Address("TCP", "192.0.2.1", port))
        receiver.addressResolved(IPv6Address("TCP", "2001:db8::1", port))
        receiver.resolutionComplete()
        return receiver


class EndpointTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.reactor.nameResolver = Resolver()  # type: ignore[assignment]
        endpoint = FurthestEndpoint(self.reactor, "web.example", 80, timeout=10, attemptDelay=0.03)
        self.dialled = endpoint.connect(Factory.forProtocol(Protocol))
        self.reactor.advance(0.03)

    def test_the_one_that_got_furthest_is_told(self) -> None:
        """Although the other one failed last."""
        first, second = self.reactor.tcpClients
        first[2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.reactor.advance(0.03)
        second[2].clientConnectionFailed(None, Failure(NoRouteError(errno.ENETUNREACH, "")))
        self.assertTrue(is_refusal(self.failureResultOf(self.dialled)))

    def test_one_succeeds(self) -> None:
        first, second = self.reactor.tcpClients
        first[2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        second[2].buildProtocol(None).makeConnection(None)
        self.successResultOf(self.dialled)
