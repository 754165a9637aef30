"""Health checks: what is asked, which answers are good, and what is told of them."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.local.dial import ServiceSocket
from sellia.client.local.health import ANSWER, INTERVAL, TIMEOUT, HealthCheck
from sellia.errors import ProblemError
from sellia.problems import SERVICE_REFUSED
from sellia.targets import parse_target
from tests.client.stage import ServiceTransport


class Service:
    """A service that connections are made to at once, later, or not at all."""

    where = "localhost:8080"

    def __init__(self) -> None:
        self.clock = Clock()
        self.target = parse_target("8080")
        self.sockets: list[ServiceSocket] = []
        self.refuses = False
        self.cancelled = 0
        self.silent = False

    def dial(self, make: Callable[[], ServiceSocket]) -> "Deferred[ServiceSocket]":
        if self.refuses:
            return fail(ProblemError(SERVICE_REFUSED, "localhost:8080 refused the connection."))
        if self.silent:

            def cancelled(_: object) -> None:
                self.cancelled += 1

            return Deferred(cancelled)
        socket = make()
        socket.makeConnection(ServiceTransport())  # type: ignore[arg-type]
        self.sockets.append(socket)
        return succeed(socket)


class HealthCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.service = Service()
        self.told: list[str] = []
        service: Any = self.service
        self.check = HealthCheck(service, b"/health?a=b", self.told.append)

    def tearDown(self) -> None:
        self.check.stop()
        self.assertEqual(self.service.clock.getDelayedCalls(), [])
        self.assertTrue(all(socket.transport.aborted for socket in self.service.sockets))

    def answer(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.service.sockets[-1].dataReceived(piece)

    def next(self) -> None:
        self.service.clock.advance(INTERVAL)


class AnswerTests(HealthCase):
    def test_what_is_asked(self) -> None:
        self.check.start()
        [socket] = self.service.sockets
        self.assertEqual(
            socket.transport.value(),
            b"GET /health?a=b HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: sellia-health\r\nAccept: */*\r\n"
            b"Connection: close\r\n\r\n",
        )

    def test_statuses(self) -> None:
        for status, good in ((200, True), (204, True), (302, True), (399, True), (400, False), (500, False)):
            self.told.clear()
            self.check = HealthCheck(self.service, b"/", self.told.append, "" if not good else "It was ill.")  # type: ignore[arg-type]
            self.check.start()
            self.answer(b"HTTP/1.1 %d So\r\n" % status)
            self.assertEqual(self.told, [""] if good else [f"localhost:8080/ answered {status}."])
            self.check.stop()

    def test_in_pieces_and_behind_interim_responses(self) -> None:
        self.check.start()
        self.answer(b"HT", b"TP/1.1 10", b"0 Continue\r\n\r", b"\nHTTP/1.0 5", b"03 x\r\n")
        self.assertEqual(self.told, ["localhost:8080/health?a=b answered 503."])

    def test_what_is_no_answer(self) -> None:
        for pieces in ((b"SSH-2.0-OpenSSH_9.2\r\n",), (b"HTTP/1.1 100 Continue\r\n" + b"X: y\r\n" * ANSWER,)):
            self.told.clear()
            self.check = HealthCheck(self.service, b"/", self.told.append)  # type: ignore[arg-type]
            self.check.start()
            self.answer(*pieces)
            self.assertEqual(self.told, ["localhost:8080/ gave no answer that is HTTP."])
            self.check.stop()

    def test_a_connection_that_is_closed(self) -> None:
        self.check.start()
        self.service.sockets[-1].connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.told, ["localhost:8080/health?a=b gave no answer that is HTTP."])


class ChangeTests(HealthCase):
    def test_changes_alone_are_told(self) -> None:
        self.check.start()
        for status in (200, 200, 500, 503, 500, 204, 200):
            self.answer(b"HTTP/1.1 %d So\r\n" % status)
            self.next()
        self.assertEqual(self.told, ["localhost:8080/health?a=b answered 500.", ""])

    def test_refused(self) -> None:
        self.service.refuses = True
        self.check.start()
        self.next()
        self.assertEqual(self.told, ["localhost:8080 refused the connection."])
        self.service.refuses = False
        self.next()
        self.answer(b"HTTP/1.1 200 OK\r\n")
        self.assertEqual(self.told[1:], [""])

    def test_too_late(self) -> None:
        """An answer, or a connection; and the next check is on time."""
        self.check.start()
        self.service.clock.advance(TIMEOUT)
        self.assertEqual(self.told, [f"localhost:8080/health?a=b did not answer within {TIMEOUT:g} s."])
        self.answer(b"HTTP/1.1 200 OK\r\n")
        self.assertEqual(len(self.told), 1)
        self.service.silent = True
        self.service.clock.advance(INTERVAL - TIMEOUT)
        self.service.clock.advance(TIMEOUT)
        self.assertEqual((self.service.cancelled, len(self.service.sockets)), (1, 1))

    def test_stopped_meanwhile(self) -> None:
        self.check.start()
        self.check.stop()
        self.answer(b"HTTP/1.1 500 So\r\n")
        self.service.silent = True
        self.check.start()
        self.check.stop()
        self.assertEqual((self.told, self.service.cancelled), ([], 1))
