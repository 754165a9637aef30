"""Connections that are made at once: over real sockets, because it is the kernel that makes them."""

import errno
import os
import socket
import tempfile
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from sellia.client.local.dial import Dialer, ServiceSocket
from sellia.client.local.loopback import addresses, connect_now, is_listening
from sellia.errors import ProblemError
from sellia.targets import parse_target
from sellia.transports.reactor.sockets import write_now
from tests.client.stage import target
from tests.processes import free_port


class Echo(Protocol):
    def __init__(self) -> None:
        self.heard: Deferred[bytes] = Deferred()
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.heard.callback(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class ListeningCase(TestCase):
    def listen(self, family: int = socket.AF_INET, address: str = "127.0.0.1", backlog: int = 5) -> Any:
        listener = socket.socket(family, socket.SOCK_STREAM)
        self.addCleanup(listener.close)
        listener.bind((address, 0))
        listener.listen(backlog)
        return listener


class LoopbackTests(ListeningCase):
    def test_addresses(self) -> None:
        four, six = (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")
        for host, expected in (
            ("localhost", [four, six]),
            ("app.localhost", [four, six]),
            ("127.0.0.1", [four]),
            ("::1", [six]),
            ("192.0.2.1", []),
            ("example.com", []),
        ):
            self.assertEqual(addresses(reactor, host), expected, msg=host)

    def test_a_reactor_without_sockets_has_none(self) -> None:
        self.assertEqual(addresses(MemoryReactorClock(), "localhost"), [])

    async def test_bytes_flow_both_ways(self) -> None:
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            listener = self.listen(family, address)
            protocol = Echo()
            self.assertEqual(connect_now(reactor, family, address, listener.getsockname()[1], protocol), 0)
            other, _ = listener.accept()
            self.assertIsNotNone(protocol.transport)
            write_now(protocol.transport, b"hello")
            other.sendall(b"yes")
            self.assertEqual(await protocol.heard, b"yes")
            self.assertEqual(other.recv(10), b"hello")
            other.close()
            await protocol.lost

    def test_refused(self) -> None:
        listener = self.listen()
        port = listener.getsockname()[1]
        listener.close()
        fault = connect_now(reactor, socket.AF_INET, "127.0.0.1", port, Echo())
        self.assertEqual(fault, errno.ECONNREFUSED)

    def test_who_listens(self) -> None:
        """Is not connected to: it would take the look for a visitor."""
        listener = self.listen()
        listener.setblocking(False)
        port = listener.getsockname()[1]
        self.assertIs(is_listening(reactor, parse_target(f"tcp://127.0.0.1:{port}")), True)
        self.assertRaises(BlockingIOError, listener.accept)
        self.assertIs(is_listening(reactor, parse_target(f"tcp://127.0.0.1:{free_port()}")), False)
        self.assertIsNone(is_listening(reactor, parse_target("tcp://192.0.2.1:1")))
        self.assertIsNone(is_listening(MemoryReactorClock(), parse_target(f"tcp://127.0.0.1:{port}")))

    def test_a_full_backlog_is_for_the_patient(self) -> None:
        listener = self.listen(backlog=0)
        port = listener.getsockname()[1]
        waiting = socket.create_connection(("127.0.0.1", port))
        self.addCleanup(waiting.close)
        fault = connect_now(reactor, socket.AF_INET, "127.0.0.1", port, Echo())
        self.assertIn(fault, (errno.EALREADY, errno.EINPROGRESS))


class DialTests(ListeningCase):
    """The same, as the client dials."""

    def dialer(self, port: int, host: str = "localhost") -> Dialer:
        return Dialer(reactor, target(host, port), timeout=10.0)

    async def test_it_is_there_when_the_call_returns(self) -> None:
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            listener = self.listen(family, address)
            dialing = self.dialer(listener.getsockname()[1]).dial(ServiceSocket)
            made = self.successResultOf(dialing)
            self.assertTrue(made.transport.connected)
            made.transport.abortConnection()

    def test_a_refusal_says_so(self) -> None:
        listener = self.listen()
        port = listener.getsockname()[1]
        listener.close()
        error = self.failureResultOf(self.dialer(port).dial(ServiceSocket), ProblemError).value
        self.assertEqual(error.detail, f"localhost:{port} refused the connection.")

    async def test_a_full_backlog_is_waited_for(self) -> None:
        listener = self.listen(backlog=0)
        port = listener.getsockname()[1]
        first = socket.create_connection(("127.0.0.1", port))
        self.addCleanup(first.close)
        dialing = self.dialer(port, "127.0.0.1").dial(ServiceSocket)
        self.assertNoResult(dialing)
        listener.accept()[0].close()
        made = await dialing
        made.transport.abortConnection()


class UnixTests(TestCase):
    """Services on unix sockets."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.path = os.path.join(temporary.name, "app.sock")
        self.dialer = Dialer(reactor, parse_target(f"unix:{self.path}"), timeout=0.2)

    def listen(self, backlog: int = 5, kind: int = socket.SOCK_STREAM) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(listener.close)
        listener.bind(self.path)
        if kind == socket.SOCK_STREAM:
            listener.listen(backlog)
        return listener

    def problem(self, dialing: "Deferred[ServiceSocket]") -> tuple[str, str]:
        error = self.failureResultOf(dialing, ProblemError).value
        return error.problem.code, error.detail

    async def test_bytes_flow_both_ways(self) -> None:
        listener = self.listen()
        protocol = Echo()
        self.assertEqual(connect_now(reactor, socket.AF_UNIX, self.path, 0, protocol), 0)
        other, _ = listener.accept()
        assert protocol.transport is not None
        write_now(protocol.transport, b"hello")
        other.sendall(b"yes")
        self.assertEqual(await protocol.heard, b"yes")
        self.assertEqual(other.recv(10), b"hello")
        self.assertEqual(protocol.transport.getPeer(), UNIXAddress(self.path))
        other.close()
        await protocol.lost

    async def test_an_http_exchange(self) -> None:
        """As a service of Sellia's is asked: with the options of TCP left out."""
        listener = self.listen()
        made = self.successResultOf(self.dialer.dial(ServiceSocket))
        other, _ = listener.accept()
        made.transport.write(b"hello")
        made.transport.loseConnection()
        while made.transport.connected:
            await deferLater(reactor, 0, lambda: None)  # type: ignore[arg-type]
        self.assertEqual(other.recv(10), b"hello")
        other.close()

    def test_nobody_listens(self) -> None:
        where = f"unix:{self.path}"
        self.assertEqual(self.problem(self.dialer.dial(ServiceSocket)), ("service-refused", f"{where} does not exist."))
        self.listen().close()
        self.assertEqual(
            self.problem(self.dialer.dial(ServiceSocket)),
            ("service-refused", f"{where} refused the connection: nobody listens on it."),
        )

    def test_what_is_no_such_socket(self) -> None:
        self.listen(kind=socket.SOCK_DGRAM)
        word, detail = self.problem(self.dialer.dial(ServiceSocket))
        self.assertEqual(word, "service-unreachable")
        self.assertIn("a socket of another type", detail)

    async def test_a_full_backlog_is_waited_for(self) -> None:
        listener = self.listen(backlog=0)
        waiting = self.successResultOf(self.dialer.dial(ServiceSocket))
        dialing = self.dialer.dial(ServiceSocket)
        self.assertNoResult(dialing)
        listener.accept()[0].close()
        made = await dialing
        for each in (waiting, made):
            each.transport.abortConnection()

    async def test_a_backlog_that_stays_full(self) -> None:
        self.listen(backlog=0)
        waiting = self.successResultOf(self.dialer.dial(ServiceSocket))
        with self.assertRaises(ProblemError) as raised:
            await self.dialer.dial(ServiceSocket)
        self.assertEqual(raised.exception.detail, f"unix:{self.path} did not answer within 0.2 seconds.")
        waiting.transport.abortConnection()
