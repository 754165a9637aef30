"""A listener that cannot accept leaves its socket alone for a while, and says why."""

import errno
import os
import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.server.listeners.accepting import PAUSE, PausingSocket, cause_of, pause_where_full
from tests.logs import log_events


class FakeSocket:
    """A listening socket whose outcomes are given beforehand."""

    def __init__(self, *outcomes: object) -> None:
        self.outcomes = list(outcomes)

    def fileno(self) -> int:
        return 7

    def accept(self) -> object:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, int):
            raise OSError(outcome, os.strerror(outcome))
        return outcome


class FakePort:
    disconnecting = False

    def __init__(self, *outcomes: object) -> None:
        self.socket = FakeSocket(*outcomes)
        self.reading = True

    def stopReading(self) -> None:
        self.reading = False

    def startReading(self) -> None:
        self.reading = True


class PausingSocketTests(SynchronousTestCase):
    def port(self, *outcomes: object) -> Any:
        self.clock = Clock()
        self.causes: list[str] = []
        port: Any = FakePort(*outcomes)
        pause_where_full(port, self.clock, self.causes.append)
        return port

    def test_passes_all_else_on(self) -> None:
        port = self.port("a connection")
        self.assertEqual(port.socket.accept(), "a connection")
        self.assertEqual(port.socket.fileno(), 7)

    def test_rests_where_there_is_no_room(self) -> None:
        for number in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            port = self.port(number, "a connection")
            self.assertRaises(BlockingIOError, port.socket.accept)
            self.assertFalse(port.reading)
            self.assertEqual(self.causes, [cause_of(OSError(number, ""))])
            self.clock.advance(PAUSE)
            self.assertTrue(port.reading)
            self.assertEqual(port.socket.accept(), "a connection")

    def test_says_whose_limit_it_is(self) -> None:
        self.assertIn("LimitNOFILE=", cause_of(OSError(errno.EMFILE, "")))
        self.assertIn("this machine", cause_of(OSError(errno.ENFILE, "")))
        self.assertIn("memory", cause_of(OSError(errno.ENOBUFS, "")))

    def test_passes_over_those_that_have_ended(self) -> None:
        port = self.port(errno.ECONNABORTED, errno.EPROTO, errno.EPERM, "a connection")
        self.assertEqual(port.socket.accept(), "a connection")
        self.assertTrue(port.reading)
        port = self.port(*[errno.ECONNABORTED] * 1000)
        self.assertRaises(BlockingIOError, port.socket.accept)
        self.assertEqual(self.causes, [])

    def test_nothing_waits(self) -> None:
        port = self.port(errno.EAGAIN)
        self.assertRaises(BlockingIOError, port.socket.accept)
        self.assertTrue(port.reading)

    def test_stays_closed(self) -> None:
        """A port that is closed while it rests is not read again."""
        for change in ({"disconnecting": True}, {"socket": None}):
            port = self.port(errno.EMFILE)
            self.assertRaises(BlockingIOError, port.socket.accept)
            port.__dict__.update(change)
            self.clock.advance(PAUSE)
            self.assertFalse(port.reading)

    def test_without_a_socket(self) -> None:
        """Endpoints of plugins need have none."""
        pause_where_full(object(), Clock(), self.fail)


class RealPortTests(SynchronousTestCase):
    def test_twisted_takes_it(self) -> None:
        """A port of Twisted's works with it, and Twisted has nothing to say about a failure."""
        made: list[Any] = []
        events = log_events(self)
        factory: Any = Factory.forProtocol(Protocol)
        factory.noisy = False
        factory.doStart = factory.doStop = lambda: None
        factory.buildProtocol = made.append
        port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.connectionLost, None)
        self.addCleanup(port.stopReading)
        pause_where_full(port, reactor, self.fail)
        self.assertIsInstance(port.socket, PausingSocket)
        visitor = socket.create_connection(("127.0.0.1", port.getHost().port), 5)
        self.addCleanup(visitor.close)
        port.socket._socket, accepting = FakeSocket(errno.EMFILE), port.socket._socket
        clock = Clock()
        causes: list[str] = []
        port.socket._clock, port.socket._failed = clock, causes.append
        events.clear()
        port.doRead()
        self.assertEqual((made, events, len(causes)), ([], [], 1))
        port.socket._socket = accepting
        clock.advance(PAUSE)
        port.doRead()
        self.assertEqual(len(made), 1)
