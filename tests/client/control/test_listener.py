"""Listener on a control socket: who is let in, what is answered, and how little a stranger can tie up."""

import os
import socket
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.control.lines import REQUEST_LIMIT, REQUEST_TIME, ControlError, decode
from sellia.client.control.listener import CONNECTIONS, ControlFactory, ControlListener, ControlProtocol
from sellia.client.control.sockets import listen
from sellia.errors import SettingsError


class Client:
    """A client that says what the test wants."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.trouble: Exception | None = None
        self.open: dict[str, Any] | None = {"requests": 1}

    def status(self) -> dict[str, Any]:
        return self._do("status", {"pid": 1})

    def stop(self, tunnel: str | None, now: bool) -> None:
        self._do((tunnel, now), {})

    def left(self, tunnel: str | None) -> dict[str, Any] | None:
        return self.open

    def inspector(self) -> dict[str, Any]:
        return self._do("inspector", {"url": "u"})

    def why(self, id: str | None) -> dict[str, Any]:
        return self._do(("why", id), {"id": "9f3a61c2-14"})

    def reload(self) -> dict[str, Any]:
        return self._do("reload", {"opened": ["a"]})

    def _do(self, what: Any, answer: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(what)
        if self.trouble is not None:
            raise self.trouble
        return answer


class Transport(StringTransport):
    """A connection to whoever asks."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class ProtocolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.client = Client()
        self.factory = ControlFactory(self.client, self.clock)
        self.protocol, self.transport = self.connect()

    def tearDown(self) -> None:
        for protocol in tuple(self.factory.open):
            protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual((self.factory.open, self.clock.getDelayedCalls()), (set(), []))

    def connect(self) -> tuple[ControlProtocol, Transport]:
        protocol, transport = self.factory.buildProtocol(None), Transport()
        protocol.makeConnection(transport)
        return protocol, transport

    def ask(self, line: bytes) -> list[dict[str, Any]]:
        self.protocol.dataReceived(line)
        return self.answers()

    def answers(self) -> list[dict[str, Any]]:
        lines: list[bytes] = self.transport.value().splitlines()
        self.transport.clear()
        return [decode(line) for line in lines]

    def test_status(self) -> None:
        self.protocol.dataReceived(b'{"comm')
        self.assertEqual(self.ask(b'and":"status"}\n'), [{"status": {"pid": 1}}])
        self.assertTrue(self.transport.disconnecting)

    def test_reload(self) -> None:
        self.assertEqual(self.ask(b'{"command":"reload"}\n'), [{"reloaded": {"opened": ["a"]}}])

    def test_refusals(self) -> None:
        for trouble, word in (
            (ControlError("no-reload", "It has none."), "no-reload"),
            (SettingsError("the line", "the hint"), "settings"),
        ):
            self.client.trouble = trouble
            self.protocol, self.transport = self.connect()
            self.assertEqual(self.ask(b'{"command":"reload"}\n'), [{"error": word, "message": str(trouble)}])

    def test_defect(self) -> None:
        """It is logged, and whoever asked learns nothing of what was in it."""
        self.client.trouble = ZeroDivisionError("secret")
        [answer] = self.ask(b'{"command":"status"}\n')
        self.assertEqual(answer["error"], "internal")
        self.assertNotIn("secret", str(answer))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_stop_tells_what_is_waited_for(self) -> None:
        self.assertEqual(self.ask(b'{"command":"stop","now":true}\n'), [{"waiting": {"requests": 1}}])
        self.assertEqual(self.client.asked, [(None, True)])
        self.clock.pump([0.3] * 5)
        self.assertEqual(self.answers(), [], "nothing has changed")
        self.client.open = {"requests": 0}
        self.clock.advance(0.3)
        self.assertEqual(self.answers(), [{"waiting": {"requests": 0}}])
        self.assertFalse(self.transport.disconnecting)
        self.client.open = None
        self.clock.advance(0.3)
        self.assertEqual(self.answers(), [{"stopped": True}])
        self.assertTrue(self.transport.disconnecting)

    def test_who_does_not_read_is_told_nothing_more(self) -> None:
        self.ask(b'{"command":"stop"}\n')
        self.transport.producer.pauseProducing()
        for number in range(1000):
            self.client.open = {"requests": number}
            self.clock.advance(0.3)
        self.assertEqual(self.answers(), [])
        self.transport.producer.resumeProducing()
        self.clock.advance(0.3)
        self.assertEqual(self.answers(), [{"waiting": {"requests": 999}}])

    def test_an_answer_that_nobody_takes(self) -> None:
        self.ask(b'{"command":"status"}\n')
        self.clock.advance(REQUEST_TIME)
        self.assertTrue(self.transport.aborted)

    def test_silence(self) -> None:
        self.protocol.dataReceived(b"{")
        self.clock.advance(REQUEST_TIME - 0.1)
        self.assertFalse(self.transport.aborted)
        self.clock.advance(0.1)
        self.assertTrue(self.transport.aborted)

    def test_one_line_of_a_limited_length(self) -> None:
        most = b'{"command":"status","x":"' + b"x" * (REQUEST_LIMIT - 27) + b'"}'
        self.assertEqual(len(most), REQUEST_LIMIT)
        self.assertEqual(self.ask(most + b"\n" + b'{"command":"reload"}\n'), [{"status": {"pid": 1}}])
        self.assertEqual(self.client.asked, ["status"], "one line for each connection")
        self.protocol, self.transport = self.connect()
        [answer] = self.ask(b"x" * (REQUEST_LIMIT + 1))
        self.assertEqual((answer["error"], self.transport.disconnecting), ("bad-line", True))

    def test_garbage(self) -> None:
        for line in (b"\n", b"\x00\xff\n", b"GET / HTTP/1.1\r\n"):
            self.protocol, self.transport = self.connect()
            self.assertEqual([each["error"] for each in self.ask(line)], ["bad-line"])
        self.assertEqual(self.client.asked, [])


class Reactor(Clock):
    """Keeps what it is given to read from."""

    def __init__(self, factory: ControlFactory) -> None:
        super().__init__()
        self.readers: set[Any] = set()
        self.factory = factory
        self.adopted = 0

    def addReader(self, reader: Any) -> None:
        self.readers.add(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.discard(reader)

    def adoptStreamConnection(self, descriptor: int, family: Any, factory: Any) -> None:
        assert family == socket.AF_UNIX
        os.fstat(descriptor)
        self.adopted += 1
        factory.buildProtocol(None).makeConnection(Transport())


class ListenerTests(SynchronousTestCase):
    def setUp(self) -> None:
        base = tempfile.TemporaryDirectory()
        self.addCleanup(base.cleanup)
        self.factory = ControlFactory(Client(), Clock())
        self.reactor = Reactor(self.factory)
        self.file = listen(Path(base.name) / "sellia", 4711)
        self.addCleanup(self.file.socket.close)
        self.listener = ControlListener(self.file, self.factory, self.reactor)
        self.listener.start()

    def visit(self) -> socket.socket:
        visitor = socket.socket(socket.AF_UNIX)
        self.addCleanup(visitor.close)
        visitor.settimeout(5)
        visitor.connect(str(self.file.path))
        return visitor

    def test_accepts(self) -> None:
        self.visit()
        self.visit()
        self.listener.doRead()
        self.assertEqual((self.reactor.adopted, len(self.factory.open)), (2, 2))
        self.assertEqual(self.listener.fileno(), self.file.socket.fileno())

    def test_nobody_is_there(self) -> None:
        self.listener.doRead()
        self.assertEqual(self.reactor.adopted, 0)

    def test_no_more_than_the_limit(self) -> None:
        """Whoever comes then finds the door closed, and those inside are not disturbed."""
        for _ in range(CONNECTIONS):
            self.visit()
            self.listener.doRead()
        late = self.visit()
        self.listener.doRead()
        self.assertEqual((self.reactor.adopted, late.recv(1)), (CONNECTIONS, b""))
        next(iter(self.factory.open)).connectionLost(Failure(ConnectionDone()))
        self.visit()
        self.listener.doRead()
        self.assertEqual(self.reactor.adopted, CONNECTIONS + 1)

    def test_another_user(self) -> None:
        """Even one who could reach the socket is not let in."""
        if os.geteuid() != 0:
            return
        self.addCleanup(os.seteuid, 0)
        self.file.path.chmod(0o666)
        for directory in (self.file.path.parent, self.file.path.parent.parent):
            directory.chmod(0o755)
        os.seteuid(65534)
        visitor = self.visit()
        os.seteuid(0)
        self.listener.doRead()
        self.assertEqual((self.reactor.adopted, visitor.recv(1)), (0, b""))

    def test_no_descriptor_is_left(self) -> None:
        """It does not spin: it looks again a second later."""
        visitor = self.visit()
        taken = []
        try:
            while True:
                taken.append(os.dup(0))
        except OSError:
            self.listener.doRead()
        finally:
            for each in taken:
                os.close(each)
        self.assertEqual((self.reactor.readers, self.reactor.adopted), (set(), 0))
        self.reactor.advance(1.0)
        self.assertEqual(self.reactor.readers, {self.listener})
        self.listener.doRead()
        self.assertEqual(self.reactor.adopted, 1)
        visitor.close()

    def test_stop(self) -> None:
        self.listener.stop()
        self.assertEqual((self.reactor.readers, self.reactor.getDelayedCalls()), (set(), []))
        self.assertFalse(self.file.path.exists())
        self.assertRaises(OSError, self.visit)
