"""Two sessions of one process, joined."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import ProtocolError
from sellia.protocol.limits import REPLAY_LIMIT
from sellia.protocol.messages import Opening, OpenTunnel
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.stream import Stream
from sellia.transports.original.memory_pipe import MemoryPipe
from sellia.transports.reactor.batching import batch_of
from tests.relay.scripts import GET, OK
from tests.transports.original.sides import Side


class PipeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.near = Side(self.clock, even=False)
        self.far = Side(self.clock, even=True)
        self.open = True
        turn = batch_of(self.clock)
        self.pipe = MemoryPipe(
            self.near.session, self.far.session, lambda: self.open, lambda: turn.schedule(self.pipe.pump)
        )

    def turn(self) -> None:
        self.clock.advance(0)
        self.near.session.check_invariants()
        self.far.session.check_invariants()

    def test_all_that_is_said_in_a_turn_arrives_in_it(self) -> None:
        """A request and its answer, and what the sessions say about themselves."""
        self.near.session.send_control(OpenTunnel(1, "http", "demo"))
        visitor = self.far.open(GET, end=True)
        self.assertEqual((self.far.messages, self.near.openings), ([], []))
        self.turn()
        self.assertEqual(self.far.messages, [OpenTunnel(1, "http", "demo")])
        self.assertEqual(self.near.openings, [(visitor.id, GET, True)])
        answer = self.near.streams[visitor.id]
        answer.send_head(OK)
        answer.send_data(b"hello", True)
        self.turn()
        self.assertEqual(self.far.legs[visitor.id].data, b"hello")
        self.assertTrue(self.far.legs[visitor.id].ended)

    def test_more_than_would_ever_wait_for_an_ack(self) -> None:
        """Acks come back, so that a session never stops for the lack of them; credit alone holds a sender up."""
        visitor = self.far.open(GET)
        sent = 0
        self.turn()
        while sent < 2 * REPLAY_LIMIT:
            visitor.send_data(bytes(60_000))
            sent += 60_000
            self.turn()
        self.assertEqual(len(self.near.legs[visitor.id].data), sent)

    def test_a_leg_that_does_not_take_holds_its_sender_up(self) -> None:
        visitor = self.far.open(GET)
        self.turn()
        self.near.streams[visitor.id].stall()
        for _ in range(6):
            visitor.send_data(bytes(60_000))
            self.turn()
        self.assertTrue(self.far.legs[visitor.id].paused)
        self.near.streams[visitor.id].flow()
        self.turn()
        self.assertFalse(self.far.legs[visitor.id].paused)
        self.assertEqual(len(self.near.legs[visitor.id].data), 360_000)

    def test_nothing_is_kept_to_be_sent_again(self) -> None:
        visitor = self.far.open(GET)
        self.turn()
        visitor.send_data(bytes(50_000))
        self.turn()
        self.assertEqual(self.far.session.out.unacknowledged, (0, 0))
        self.assertEqual(self.near.session.out.unacknowledged, (0, 0))

    def test_while_it_is_not_open_a_bounded_part_waits(self) -> None:
        """The near session's, that is; the far one is heard all the same."""
        visitor = self.far.open(GET)
        self.turn()
        service = self.near.streams[visitor.id]
        self.open = False
        for _ in range(8):
            service.send_data(bytes(60_000))
        visitor.send_data(b"request")
        self.turn()
        self.assertEqual(self.near.legs[visitor.id].data, b"request")
        self.assertEqual(self.far.legs[visitor.id].data, b"")
        self.assertTrue(self.near.legs[visitor.id].paused)
        self.open = True
        self.near.session.flush()
        self.pipe.wake()
        self.turn()
        self.assertEqual(len(self.far.legs[visitor.id].data), 480_000)
        self.assertFalse(self.near.legs[visitor.id].paused)

    def test_what_was_on_its_way_waits_too(self) -> None:
        """The link may fill up while something is in the pipe already."""
        visitor = self.far.open(GET)
        self.turn()
        self.near.streams[visitor.id].send_data(b"answer")
        self.near.session.flush()
        self.open = False
        self.turn()
        self.assertEqual(self.far.legs[visitor.id].data, b"")
        self.open = True
        self.pipe.wake()
        self.turn()
        self.assertEqual(self.far.legs[visitor.id].data, b"answer")

    def test_who_fills_it_waits_and_goes_on(self) -> None:
        """It is full while the far session works through what it was given."""
        visitor = self.far.open(GET)
        self.turn()
        service = self.near.streams[visitor.id]
        for _ in range(4):
            service.send_data(bytes(60_000))
            self.near.session.flush()
        self.assertLess(self.near.session.out.sent - self.near.session.out.acked, 4)
        self.turn()
        self.assertEqual(len(self.far.legs[visitor.id].data), 240_000)

    def test_never_from_inside_of_a_call(self) -> None:
        """A leg that answers at once is heard after it was told."""
        heard: list[str] = []
        opened = self.far.stream_opened

        def answering(stream: Stream, opening: Opening, end: bool) -> Leg:
            leg = opened(stream, opening, end)
            stream.send_head(OK)
            self.far.session.flush()
            self.pipe.pump()
            heard.append("told" if not self.near.legs[stream.id].events else "answered")
            return leg

        self.far.stream_opened = answering  # type: ignore[assignment]
        self.near.open(GET)
        self.turn()
        self.assertEqual(heard, ["told"])
        [leg] = self.near.legs.values()
        self.assertTrue(leg.events)

    def test_closed(self) -> None:
        """What was on its way is lost."""
        self.near.session.send_control(OpenTunnel(1, "http", "demo"))
        self.near.session.flush()
        self.pipe.close()
        self.turn()
        self.assertEqual(self.far.messages, [])

    def test_closed_by_what_it_carries(self) -> None:
        """Whoever is told something may end all of it."""
        self.far.message_received = lambda _: self.pipe.close()  # type: ignore[assignment]
        self.near.session.send_control(OpenTunnel(1, "http", "demo"))
        self.near.session.send_control(OpenTunnel(2, "http", "more"))
        self.turn()
        self.near.session.send_control(OpenTunnel(3, "http", "late"))
        self.turn()
        self.assertEqual(self.far.messages, [])

    def test_a_violation_is_raised_to_who_pumps(self) -> None:
        """A client opens no streams: who owns the far session says so."""

        def refuse(*_: object) -> None:
            raise ProtocolError("a client opens no streams")

        self.far.stream_opened = refuse  # type: ignore[assignment]
        self.near.open(GET)
        self.near.session.flush()
        self.assertRaises(ProtocolError, self.pipe.pump)
