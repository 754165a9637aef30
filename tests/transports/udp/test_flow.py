"""Datagrams as the records of a stream: whole, in order, and the oldest dropped where there are too many."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.problems import IDLE_TOO_LONG, Problem
from sellia.protocol.messages import UdpFlow
from sellia.relay.mux.observer import EndedBy
from sellia.transports.udp.flow import DATAGRAM_LIMIT, QUEUED, QUEUED_BYTES, DatagramFlow
from tests.observers import RecordingObserver
from tests.relay.scripts import Pair, RecordingLeg


class FlowCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = Pair()
        self.far = RecordingLeg()
        self.pair.client.stream_opened = lambda stream, opening, end: self.opened(stream)  # type: ignore[method-assign]
        self.delivered: list[bytes] = []
        self.ends: list[tuple[EndedBy, str]] = []
        stream = self.pair.server.open(UdpFlow(1), leg=RecordingLeg())
        self.observer = RecordingObserver()
        self.flow = DatagramFlow(stream, self, side="visitor", observer=self.observer)
        self.pair.talk()

    def opened(self, stream: object) -> RecordingLeg:
        self.far_stream = stream
        return self.far

    def deliver(self, data: bytes) -> None:
        self.delivered.append(data)

    def flow_over(self, by: EndedBy, problem: Problem, message: str) -> None:
        self.ends.append((by, problem.code))

    @property
    def arrived(self) -> list[object]:
        return [event[2] for event in self.far.events if event[0] == "frame"]


class PassingTests(FlowCase):
    def test_whole_and_in_order(self) -> None:
        for data in (b"one", b"", b"x" * DATAGRAM_LIMIT, b"two"):
            self.flow.send(data)
        self.pair.talk()
        self.assertEqual(self.arrived, [b"one", b"", b"x" * DATAGRAM_LIMIT, b"two"])
        self.assertEqual((self.flow.received, self.flow.dropped), (6 + DATAGRAM_LIMIT, 0))

    def test_the_other_way(self) -> None:
        self.flow.frame_received(0, b"one")
        self.flow.frame_begun(0, 6)
        self.flow.frame_continued(b"two")
        self.flow.frame_continued(b"too")
        self.flow.frame_begun(0, 0)
        self.assertEqual(self.delivered, [b"one", b"twotoo", b""])

    def test_what_breaks_the_protocol(self) -> None:
        self.assertRaises(ProtocolError, self.flow.frame_begun, 0, DATAGRAM_LIMIT + 1)
        self.assertRaises(ProtocolError, self.flow.frame_received, 0, b"x" * (DATAGRAM_LIMIT + 1))
        self.flow.frame_begun(0, 3)
        self.assertRaises(ProtocolError, self.flow.frame_received, 0, b"x")
        self.assertRaises(ProtocolError, self.flow.frame_begun, 0, 1)
        self.assertRaises(ProtocolError, self.flow.frame_continued, b"four")
        self.assertRaises(ProtocolError, self.flow.data_received, b"x")

    def test_observed(self) -> None:
        self.flow.send(b"in")
        self.flow.frame_received(0, b"out")
        self.flow.end("sellia", IDLE_TOO_LONG, "")
        self.assertEqual([event[0] for event in self.observer.events], ["frame", "frame", "ended"])


class PressureTests(FlowCase):
    def test_the_oldest_are_dropped(self) -> None:
        """As an attacker: a link that takes nothing, and datagrams without end."""
        self.pair.server.can_send(False)
        numbers = 5000
        for number in range(numbers):
            self.flow.send(b"%08d" % number * 128)
        self.assertGreater(self.flow.dropped, 4000)
        self.assertLess(self.flow.stream.queued, 80 * 1024)
        self.pair.server.can_send(True)
        self.pair.talk()
        arrived = [int(str(each[:8], "ascii")) for each in self.arrived]  # type: ignore[index]
        self.assertEqual(arrived, sorted(arrived))
        self.assertEqual(arrived[-1], numbers - 1, "the newest has arrived")
        self.assertEqual(len(arrived), numbers - self.flow.dropped)

    def test_bounds(self) -> None:
        self.flow.pause_sending()
        for _ in range(QUEUED + 5):
            self.flow.send(b"x")
        self.assertEqual(self.flow.dropped, 5)
        for _ in range(10):
            self.flow.send(b"x" * 50_000)
        self.assertEqual((len(self.flow._waiting), self.flow._size), (2, 100_000))
        self.assertLess(self.flow._size, QUEUED_BYTES)
        self.flow.resume_sending()
        self.assertEqual(len(self.flow._waiting), 0)


class EndTests(FlowCase):
    def test_from_here(self) -> None:
        self.flow.end("sellia", IDLE_TOO_LONG, "why")
        self.flow.end("sellia", IDLE_TOO_LONG, "again")
        self.flow.send(b"late")
        self.pair.talk()
        self.assertEqual(self.ends, [("sellia", "idle-too-long")])
        self.assertEqual(self.far.events, [("reset", "idle-too-long", "why")])

    def test_from_there(self) -> None:
        for call in (lambda: self.flow.reset_received(IDLE_TOO_LONG, ""), lambda: self.flow.end_received([])):
            call()
        self.assertEqual(self.ends, [("sellia", "idle-too-long")])
