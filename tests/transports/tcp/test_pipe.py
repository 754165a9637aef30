"""A TCP connection as a leg: bytes, ends, resets, at either side.  Whole ones are in ``tests.server.ingress``."""

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.problems import OVERLOADED, SERVICE_DIED, SERVICE_REFUSED, VISITOR_GONE, Problem
from sellia.protocol.messages import TcpConnection
from sellia.relay.mux.observer import EndedBy
from sellia.transports.reactor.batching import batch_of
from sellia.transports.tcp.pipe import TcpPipe, ended_by
from sellia.why.cause import Cause
from tests.relay.scripts import Pair, RecordingLeg


class Transport(StringTransport):
    """A socket, or TLS over one."""

    aborted = half_closed = False

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.aborted = True


class TlsTransport(Transport):
    def getPeerCertificate(self) -> None:
        """As TLS has it."""


class PipeCase(SynchronousTestCase):
    kind: type[Transport] = Transport

    def setUp(self) -> None:
        self.clock = Clock()
        self.pair = Pair()
        self.far = RecordingLeg()
        self.pair.client.stream_opened = lambda stream, opening, end: self.opened(stream)  # type: ignore[method-assign]
        stream = self.pair.server.open(TcpConnection(1), leg=RecordingLeg(), end=False)
        self.transport = self.kind()
        self.ends: list[tuple[EndedBy, str | None]] = []
        self.pipe = TcpPipe(
            self.transport, stream, batch_of(self.clock), self, side="visitor", lost=(VISITOR_GONE, "gone")
        )
        self.talk()

    def opened(self, stream: Any) -> RecordingLeg:
        self.far_stream = stream
        return self.far

    def why(self, problem: Problem, message: str) -> Cause | None:
        return Cause("9f3a61c2-2", "service", problem.code, message)

    def pipe_over(self, by: EndedBy, problem: Problem | None, message: str, cause: Cause | None) -> None:
        self.assertEqual(problem.code if problem is not None else None, cause.what if cause is not None else None)
        self.ends.append((by, None if problem is None else problem.code))

    def talk(self) -> None:
        self.pair.talk()
        batch_of(self.clock).run()
        self.clock.advance(0)
        self.pair.talk()

    def lose(self, error: Exception) -> None:
        self.pipe.connectionLost(Failure(error))
        self.talk()


class PipeTests(PipeCase):
    def test_counts(self) -> None:
        self.pipe.dataReceived(b"abc")
        self.far_stream.send_data(b"de")
        self.talk()
        self.assertEqual((self.pipe.received, self.pipe.sent, self.far.data), (3, 2, b"abc"))
        self.assertEqual(self.transport.value(), b"de")

    def test_an_end_is_told_once(self) -> None:
        self.pipe.readConnectionLost()
        self.pipe.readConnectionLost()
        self.far_stream.end()
        self.talk()
        self.assertTrue(self.transport.disconnecting)
        self.lose(ConnectionDone())
        self.lose(ConnectionLost())
        self.pipe.drop(OVERLOADED)
        self.assertEqual(self.ends, [("visitor", None)])

    def test_reading_is_not_resumed_after_an_end(self) -> None:
        """What would be read is the end, again."""
        self.pipe.pause_sending()
        self.assertEqual(self.transport.producerState, "paused")
        self.pipe.readConnectionLost()
        self.pipe.resume_sending()
        self.assertEqual(self.transport.producerState, "paused")

    def test_dropped(self) -> None:
        self.pipe.drop(OVERLOADED, "why")
        self.talk()
        self.assertTrue(self.transport.aborted)
        self.assertEqual((self.far.events[-1], self.ends), (("reset", "overloaded", "why"), [("sellia", "overloaded")]))
        self.pipe.dataReceived(b"late")

    def test_nothing_but_bytes(self) -> None:
        self.assertRaises(ProtocolError, self.pipe.end_received, [(b"a", b"b")])
        self.assertRaises(ProtocolError, self.pipe.frame_received, 1, b"x")

    def test_whose_end(self) -> None:
        problems = VISITOR_GONE, SERVICE_DIED, SERVICE_REFUSED, OVERLOADED
        self.assertEqual([ended_by(each) for each in problems], ["visitor", "service", "service", "sellia"])


class TlsTests(PipeCase):
    """Over TLS the end of one direction is that of the connection."""

    kind = TlsTransport

    def test_it_ends_first(self) -> None:
        self.lose(ConnectionDone())
        self.assertTrue(self.far.ended)
        self.assertEqual(self.ends, [])
        self.far_stream.end()
        self.talk()
        self.assertEqual(self.ends, [("visitor", None)])

    def test_the_other_side_goes_on(self) -> None:
        """To nobody: it sees a reset, as it would on a socket that is closed."""
        self.lose(ConnectionDone())
        self.far_stream.send_data(b"more")
        self.talk()
        self.assertEqual(
            (self.far.events[-1][:2], self.ends), (("reset", "visitor-gone"), [("visitor", "visitor-gone")])
        )

    def test_the_other_side_ends_first(self) -> None:
        self.far_stream.end()
        self.talk()
        self.assertTrue(self.transport.disconnecting)
        self.lose(ConnectionDone())
        self.assertEqual(self.ends, [("service", None)])

    def test_cut(self) -> None:
        self.lose(ConnectionLost())
        self.assertEqual(
            (self.far.events[-1][:2], self.ends), (("reset", "visitor-gone"), [("visitor", "visitor-gone")])
        )
